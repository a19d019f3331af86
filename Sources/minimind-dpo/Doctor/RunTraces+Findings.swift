import Foundation
import Observability
import OrderedJSON

extension RunTraces {
  /// What became of the run, and what to do.
  package var findings: [Finding] { [state, damage].compactMap(\.self) + saved }

  /// What was wrong with its numbers.
  package var numbers: [Finding] { [skipped].compactMap(\.self) + drift }

  /// What cost it time.
  package var time: [Finding] {
    let found = losses.losses.map { loss in
      Finding.warning(
        loss.kind.rawValue, loss.finding + (cost(of: loss) ?? Phrase("")), remedy: lowercased(loss.remedy),
        ["seconds": loss.seconds.map(JSON.number) ?? .null, "share": loss.share.map(JSON.number) ?? .null])
    }
    guard found.isEmpty, losses.times.steps > 0 else { return found }
    return [.ok("time", Phrase(en: "nothing stood in the way of computing", zh: "没有什么妨碍计算"))]
  }

  private func cost(of loss: TimeLosses.Loss) -> Phrase? {
    guard let seconds = loss.seconds else { return nil }
    let (time, share) = (Self.time(seconds), HumanText.percent(loss.share ?? 0))
    return Phrase(en: ": \(time.en) (\(share) of the run)", zh: "：\(time.zh)（占全程 \(share)）")
  }

  private func lowercased(_ text: Phrase) -> Phrase {
    Phrase(en: text.en.prefix(1).lowercased() + text.en.dropFirst(), zh: text.zh)
  }

  private static func time(_ seconds: Double) -> Phrase { Phrase { HumanText.duration(seconds: seconds, in: $0) } }

  // MARK: - State

  private var place: Phrase {
    let step = HumanText.grouped(lastStep)
    let total = totalSteps.map(HumanText.grouped)
    return Phrase(
      en: "step \(step)" + (total.map { " of \($0)" } ?? ""), zh: "第 \(step) 步" + (total.map { "（共 \($0) 步）" } ?? ""))
  }

  private var values: JSON.Object {
    ["step": .integer(lastStep), "steps": totalSteps.map(JSON.integer) ?? .null]
  }

  private var state: Finding {
    if let holder { return held(by: holder) }
    if let totals = log.totals { return ended(totals) }
    let place = place
    if let failure = log.events.last(where: { $0.kind == .failure }) {
      let words = failure.message.hasSuffix(".") ? String(failure.message.dropLast()) : failure.message
      return .problem(
        "run",
        Phrase(en: "the run failed after \(place.en): \(words)", zh: "训练在\(place.zh)之后失败：\(words)"),
        remedy: Phrase(en: "mend that; then \(resuming.en)", zh: "先解决它；然后\(resuming.zh)"), values)
    }
    return .problem(
      "run",
      Phrase(
        en: "the run ended after \(place.en) without a word: it was killed, or its machine went down",
        zh: "训练在\(place.zh)之后突然结束：进程被杀死，或机器宕机") + memoryRemark,
      remedy: Phrase(
        en: "the last lines of its output or of `launch`, and `dmesg` (killed processes), say more; \(resuming.en)",
        zh: "它或 launch 最后的输出和 dmesg（被杀死的进程）会有更多线索；\(resuming.zh)"), values)
  }

  private func ended(_ totals: RunTotals) -> Finding {
    let (time, place) = (Self.time(totals.seconds), place)
    if let stopped = totals.stoppedBy {
      return .warning(
        "run",
        Phrase(en: "the run was stopped by \(stopped) after \(place.en)", zh: "训练在\(place.zh)之后被 \(stopped) 停止"),
        remedy: resuming, values)
    }
    guard hasResult else {
      return .problem(
        "run",
        Phrase(
          en: "the run came to its end after \(place.en), but its model is not in \(path)",
          zh: "训练在\(place.zh)之后结束，但模型不在 \(path) 中"),
        remedy: Phrase(
          en: "was it moved, or was there no room for it? \(resuming.en)", zh: "是被移走了，还是当时磁盘空间不足？\(resuming.zh)"),
        values)
    }
    if let reason = totals.endedEarly {
      return .ok(
        "run",
        Phrase(
          en: "the run ended early after \(place.en), in \(time.en): \(reason)",
          zh: "训练在\(place.zh)之后提前结束，用时 \(time.zh)：\(reason)"), values)
    }
    return .ok(
      "run",
      Phrase(en: "the run is finished: \(place.en), in \(time.en)", zh: "训练已完成：\(place.zh)，用时 \(time.zh)"), values)
  }

  /// Seconds from one record to the next.
  private var usualSilence: Double? {
    let steps = log.records.filter { $0[MetricName.stepTime] != nil }
    guard let last = steps.last, let perStep = last[MetricName.stepTime] else { return nil }
    let before = steps.dropLast().last?.step ?? 0
    return perStep * Double(last.step - before) + (last[MetricName.checkpointTime] ?? 0)
  }

  private func held(by holder: Holder) -> Finding {
    let (silent, place, who) = (Self.time(silence), place, holder.words)
    let limit = max(30, 3 * (usualSilence ?? 100))
    if holder.state == "T" || holder.state == "t" {
      return .problem(
        "run",
        Phrase(
          en: "the run hangs at \(place.en): \(who.en), is stopped (SIGSTOP, Ctrl-Z or a debugger)",
          zh: "训练停在\(place.zh)：\(who.zh)被暂停（SIGSTOP、Ctrl-Z 或调试器）"),
        remedy: Phrase(
          en: "`fg` in its terminal, or kill -CONT with its number, lets it go on",
          zh: "在它的终端里用 fg，或用 kill -CONT 加进程号，让它继续"), values)
    }
    guard silence > limit else {
      return .ok(
        "run",
        Phrase(
          en: "the run goes on: \(place.en), last written \(silent.en) ago, by \(who.en)",
          zh: "训练正在进行：\(place.zh)，\(silent.zh)前刚写过记录，由\(who.zh)运行"), values)
    }
    let usual =
      usualSilence.map(Self.time).map { Phrase(en: ", where \($0.en) are usual", zh: "（通常是 \($0.zh)）") } ?? Phrase("")
    if holder.state == "D" {
      return .problem(
        "run",
        Phrase(
          en: "the run hangs at \(place.en): \(who.en), waits for a disk or a network file system, \(silent.en) so far",
          zh: "训练卡在\(place.zh)：\(who.zh)在等待磁盘或网络文件系统，已 \(silent.zh)"),
        remedy: Phrase(
          en: "look at the file system (df, dmesg); when it answers again, the run goes on",
          zh: "检查文件系统（df、dmesg）；它恢复后，训练会继续"), values)
    }
    if let activity = holder.activity, activity > 0.05 {
      return .warning(
        "run",
        Phrase(
          en:
            "nothing was written for \(silent.en)\(usual.en), but \(who.en), computes: a large evaluation, or a slow step",
          zh: "已有 \(silent.zh)没有写记录\(usual.zh)，但\(who.zh)在计算：可能是大的评估，或某一步很慢"),
        remedy: Phrase(en: "wait, and look again", zh: "等一会儿再看"), values)
    }
    return .problem(
      "run",
      Phrase(
        en:
          "the run hangs at \(place.en): nothing was written for \(silent.en)\(usual.en), and \(who.en), does nothing",
        zh: "训练卡在\(place.zh)：已有 \(silent.zh)没有写记录\(usual.zh)，\(who.zh)也没有在计算"),
      remedy: Phrase(
        en:
          "of several processes another one may be gone or stopped: look at the output of all. Then end it (kill, after a "
          + "minute kill -9); \(resuming.en)",
        zh: "多进程时，可能是另一个进程已退出或被暂停：查看所有进程的输出。然后结束它（kill，一分钟后 kill -9）；\(resuming.zh)"),
      values)
  }

  /// Whether memory is a likely reason.
  private var memoryRemark: Phrase {
    let place = RunMachine(environment)
    guard !place.isOnGPU,
      let peak = log.records.last(where: { $0[MetricName.peakMemory] != nil })?[MetricName.peakMemory],
      let memory = environment?["memory_bytes"]?.int, memory > 0
    else { return Phrase("") }
    let used = Double(place.processesPerHost) * peak
    guard used > 0.7 * Double(memory) else { return Phrase("") }
    let (each, all) = (HumanText.bytes(Int(peak)), HumanText.bytes(memory))
    return Phrase(
      en:
        ". Memory may have run out: \(HumanText.counted(place.processesPerHost, "process")) of \(each) on a machine of "
        + "\(all) (--dry-run says what a run needs)",
      zh: "。可能是内存耗尽：\(place.processesPerHost) 个进程各占 \(each)，而机器只有 \(all)（--dry-run 会说明训练需要多少）")
  }

  // MARK: - What is left

  private var damage: Finding? {
    guard !log.damagedLines.isEmpty else { return nil }
    return .warning(
      "records",
      Phrase(
        en: "\(HumanText.counted(log.damagedLines.count, "line")) of metrics.jsonl cannot be read, the first is line "
          + "\(log.damagedLines[0])",
        zh: "metrics.jsonl 有 \(log.damagedLines.count) 行无法读取，第一处是第 \(log.damagedLines[0]) 行"),
      remedy: Phrase(
        en: "a killed machine leaves such a line; resuming repairs the file", zh: "机器突然关机会留下这样的行；续训时会修复文件"))
  }

  private var saved: [Finding] {
    guard let newest = checkpoints.first else { return [] }
    let whole = checkpoints.first { $0.problem == nil }
    if let problem = newest.problem {
      let older =
        whole.map {
          Phrase(
            en: "checkpoint-\($0.step) is whole, and resuming takes it", zh: "checkpoint-\($0.step) 是完整的，续训会使用它")
        } ?? Phrase(en: "no checkpoint is whole", zh: "没有完整的检查点")
      return [
        .warning(
          "checkpoint",
          Phrase(
            en: "checkpoint-\(newest.step) is damaged: \(problem)", zh: "checkpoint-\(newest.step) 已损坏：\(problem)"),
          remedy: older + Phrase(en: "; look at the disk (dmesg, smartctl)", zh: "；请检查磁盘（dmesg、smartctl）"),
          ["step": .integer(newest.step)])
      ]
    }
    return [
      .ok(
        "checkpoint",
        Phrase(
          en: "checkpoint-\(newest.step) is the newest of \(checkpoints.count), and whole",
          zh: "checkpoint-\(newest.step) 是 \(checkpoints.count) 个检查点中最新的，而且完整"), ["step": .integer(newest.step)])
    ]
  }

  // MARK: - Numbers

  private var skipped: Finding? {
    let events = log.events.filter { $0.kind == .skippedStep }
    guard let last = events.last else { return nil }
    let words = FaultWords.notFinite(last)
    return .warning(
      "skipped-steps",
      Phrase(
        en:
          "\(HumanText.counted(events.count, "step")) had to be left out, since the gradient was not a finite number; the "
          + "last was step \(last.step): \(words.en)",
        zh: "因梯度不是有限的数，跳过了 \(events.count) 步；最后一次是第 \(last.step) 步：\(words.zh)"),
      remedy: Phrase(
        en: "look at the lines named; lower the learning rate where they are sound",
        zh: "查看列出的行；如果它们没有问题，降低学习率"), ["steps": .integer(events.count)])
  }

  private var drift: [Finding] {
    log.events.filter { $0.kind == .drift }.map { event in
      // Runs of earlier versions say it in English only.
      let warning = DriftGuard.Warning(event.values)
      let sentences = event.message.components(separatedBy: ". ")
      return .warning(
        event.values["kind"]?.string ?? "drift",
        Phrase(en: "since step \(event.step): ", zh: "从第 \(event.step) 步起：")
          + (warning?.finding ?? Phrase(sentences.dropLast().joined(separator: ". "))),
        remedy: lowercased(warning?.remedy ?? Phrase(sentences.last ?? "")), ["step": .integer(event.step)])
    }
  }
}
