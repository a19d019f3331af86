import OrderedJSON

/// What every process of a run is doing, whom it waits for, and how its device does, in words for a page.
public struct RankStates: Sendable {
  private let run: ReportRun
  private let activity: RunActivity?
  private let isSuspended: Bool
  /// Shorter waits are part of every step.
  private static let longWait = 3.0
  /// Silence of a rank that the others name it after.
  private static let silenceLimit = 8.0
  private static let exchange = "exchanging gradients"

  /// - Parameters:
  ///   - run: what was recorded
  ///   - activity: what the processes say; nil where they say nothing
  ///   - isSuspended: whether the first process was stopped by a signal or a debugger
  public init(_ run: ReportRun, activity: RunActivity?, isSuspended: Bool) {
    (self.run, self.activity, self.isSuspended) = (run, activity, isSuspended)
  }

  /// A row for each process; none where nothing is known of any.
  public var json: JSON {
    let processes = run.environment?["processes"]?.array ?? []
    let count = max(run.environment?["world_size"]?.int ?? 0, activity?.ranks.count ?? 0, processes.count)
    let hosts = Set(processes.compactMap { $0["host"]?.string })
    let last = run.log.records.last { $0.values[MetricName.rankTimes] != nil }
    return .array(
      (0..<min(count, 1024)).map { rank in
        let process = processes.first { $0["rank"]?.int == rank }
        let host = process?["host"]?.string ?? run.environment?["host"]?.string
        let device = process?["device"]?.string ?? run.environment?["device"]?.string
        let place = [hosts.count > 1 ? host : nil, device].compactMap(\.self)
        let state = state(of: rank)
        return [
          "rank": .integer(rank), "place": .string(place.joined(separator: ", ")),
          "state": state?.words.json ?? .null, "tone": .string(state?.tone ?? "none"),
          "step": activity?.ranks.first { $0.rank == rank }.map { .integer($0.step) } ?? .null,
          "waiting": last.flatMap { Self.waitingShare(of: rank, in: $0) }.map(JSON.number) ?? .null,
          "device": deviceWords(of: rank),
        ]
      })
  }

  private func state(of rank: Int) -> (words: Phrase, tone: String)? {
    guard let activity, let own = activity.ranks.first(where: { $0.rank == rank }) else { return nil }
    if rank == 0, isSuspended {
      return (Phrase(en: "stopped (SIGSTOP, Ctrl-Z or a debugger)", zh: "已暂停（SIGSTOP、Ctrl-Z 或调试器）"), "bad")
    }
    let silence = rank == 0 && activity.isSilent ? activity.age : own.silence
    if silence > Self.silenceLimit {
      let (seconds, phase) = (Self.duration(silence), Self.phrase(own.phase))
      return (
        Phrase(en: "no sign of life for \(seconds.en); was \(phase.en)", zh: "已有 \(seconds.zh)没有消息；之前：\(phase.zh)"),
        "bad"
      )
    }
    let phase = Self.phrase(own.phase)
    guard own.phase == Self.exchange, own.seconds >= Self.longWait else { return (phase, "ok") }
    // Whoever is not there yet is waited for.
    let awaited = activity.ranks.filter { $0.phase != Self.exchange }
    guard let slowest = awaited.max(by: { $0.seconds < $1.seconds }) else { return (phase, "ok") }
    let others =
      awaited.count > 1 ? Phrase(en: " and \(awaited.count - 1) more", zh: " 等 \(awaited.count) 个") : Phrase("")
    let (doing, seconds) = (Self.phrase(slowest.phase), Self.duration(own.seconds))
    return (
      Phrase(
        en: "waits for rank \(slowest.rank)\(others.en) (\(doing.en)), \(seconds.en) so far",
        zh: "等待 rank \(slowest.rank)\(others.zh)（\(doing.zh)），已 \(seconds.zh)"), "waiting"
    )
  }

  /// The part of the last interval that a rank waited for others.
  private static func waitingShare(of rank: Int, in record: MetricsRecord) -> Double? {
    let parts = (record.values[MetricName.rankTimes]?.object ?? [:]).mapValues { $0.array ?? [] }
    guard parts.values.contains(where: { $0.count > 1 }) else { return nil }
    func seconds(_ ranks: [JSON]) -> Double { rank < ranks.count ? ranks[rank].double ?? 0 : 0 }
    let whole = parts.values.reduce(0) { $0 + seconds($1) }
    guard whole > 0 else { return nil }
    return PlottedSeries.number(seconds(parts["communication"] ?? []) / whole).double
  }

  /// What was last recorded of a rank's GPU, in short texts; null where nothing was.
  private func deviceWords(of rank: Int) -> JSON {
    guard let record = run.log.records.last(where: { $0[MetricName.device(rank, "activity")] != nil }) else {
      return .null
    }
    func value(_ name: String) -> Double? { record[MetricName.device(rank, name)] }
    let texts: [Phrase?] = [
      value("activity").map { Phrase(en: "\(HumanText.percent($0)) active", zh: "活动 \(HumanText.percent($0))") },
      value("memory_bytes").map { Phrase(HumanText.bytes(HumanText.whole($0))) },
      value("temperature_celsius").map { Phrase("\(HumanText.short($0)) °C") },
      value("power_watts").map { Phrase("\(HumanText.short($0.rounded())) W") },
      (value("throttled") ?? 0) > 0.01 ? Phrase(en: "slowed by heat", zh: "因过热降速") : nil,
    ]
    let known = texts.compactMap(\.self)
    return Phrase(en: known.map(\.en).joined(separator: ", "), zh: known.map(\.zh).joined(separator: "，")).json
  }

  private static func duration(_ seconds: Double) -> Phrase {
    Phrase { HumanText.duration(seconds: seconds.rounded(), in: $0) }
  }

  /// A phase of the work in both languages.
  static func phrase(_ phase: String) -> Phrase {
    let known = [
      "starting": "启动中", "preparing data": "准备数据", "reference": "计算参考模型", "waiting for data": "等待数据",
      "computing": "计算中", "exchanging gradients": "交换梯度", "updating": "更新权重", "evaluating": "评估中", "saving": "保存中",
      "finishing": "收尾中",
    ]
    let english = phase == "reference" ? "computing the reference" : phase
    return Phrase(en: english, zh: known[phase] ?? phase)
  }
}
