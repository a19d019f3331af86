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
      let cost = loss.seconds.map {
        ": \(HumanText.duration(seconds: $0)) (\(HumanText.percent(loss.share ?? 0)) of the run)"
      }
      return Finding.warning(
        loss.kind.rawValue, loss.finding + (cost ?? ""), remedy: lowercased(loss.remedy),
        ["seconds": loss.seconds.map(JSON.number) ?? .null, "share": loss.share.map(JSON.number) ?? .null])
    }
    guard found.isEmpty, losses.times.steps > 0 else { return found }
    return [.ok("time", "nothing stood in the way of computing")]
  }

  private func lowercased(_ text: String) -> String { text.prefix(1).lowercased() + text.dropFirst() }

  // MARK: - State

  private var place: String {
    "step \(HumanText.grouped(lastStep))" + (totalSteps.map { " of \(HumanText.grouped($0))" } ?? "")
  }

  private var values: JSON.Object {
    ["step": .integer(lastStep), "steps": totalSteps.map(JSON.integer) ?? .null]
  }

  private var state: Finding {
    if let holder { return held(by: holder) }
    if let totals = log.totals { return ended(totals) }
    if let failure = log.events.last(where: { $0.kind == .failure }) {
      return .problem(
        "run",
        "the run failed after \(place): \(failure.message.hasSuffix(".") ? String(failure.message.dropLast()) : failure.message)",
        remedy: "mend that; then \(resuming)", values)
    }
    return .problem(
      "run", "the run ended after \(place) without a word: it was killed, or its machine went down\(memoryRemark)",
      remedy:
        "the last lines of its output or of `launch`, and `dmesg` (killed processes), say more; \(resuming)", values)
  }

  private func ended(_ totals: RunTotals) -> Finding {
    let time = HumanText.duration(seconds: totals.seconds)
    if let stopped = totals.stoppedBy {
      return .warning("run", "the run was stopped by \(stopped) after \(place)", remedy: resuming, values)
    }
    guard hasResult else {
      return .problem(
        "run", "the run came to its end after \(place), but its model is not in \(path)",
        remedy: "was it moved, or was there no room for it? \(resuming)", values)
    }
    if let reason = totals.endedEarly {
      return .ok("run", "the run ended early after \(place), in \(time): \(reason)", values)
    }
    return .ok("run", "the run is finished: \(place), in \(time)", values)
  }

  /// Seconds from one record to the next.
  private var usualSilence: Double? {
    let steps = log.records.filter { $0[MetricName.stepTime] != nil }
    guard let last = steps.last, let perStep = last[MetricName.stepTime] else { return nil }
    let before = steps.dropLast().last?.step ?? 0
    return perStep * Double(last.step - before) + (last[MetricName.checkpointTime] ?? 0)
  }

  private func held(by holder: Holder) -> Finding {
    let silent = HumanText.duration(seconds: silence)
    let limit = max(30, 3 * (usualSilence ?? 100))
    if holder.state == "T" || holder.state == "t" {
      return .problem(
        "run", "the run hangs at \(place): \(holder.words), is stopped (SIGSTOP, Ctrl-Z or a debugger)",
        remedy: "`fg` in its terminal, or kill -CONT with its number, lets it go on", values)
    }
    guard silence > limit else {
      return .ok("run", "the run goes on: \(place), last written \(silent) ago, by \(holder.words)", values)
    }
    let usual = usualSilence.map { ", where \(HumanText.duration(seconds: $0)) are usual" } ?? ""
    if holder.state == "D" {
      return .problem(
        "run",
        "the run hangs at \(place): \(holder.words), waits for a disk or a network file system, \(silent) so far",
        remedy: "look at the file system (df, dmesg); when it answers again, the run goes on", values)
    }
    if let activity = holder.activity, activity > 0.05 {
      return .warning(
        "run",
        "nothing was written for \(silent)\(usual), but \(holder.words), computes: a large evaluation, or a slow step",
        remedy: "wait, and look again", values)
    }
    return .problem(
      "run", "the run hangs at \(place): nothing was written for \(silent)\(usual), and \(holder.words), does nothing",
      remedy:
        "of several processes another one may be gone or stopped: look at the output of all. Then end it (kill, after a minute "
        + "kill -9); \(resuming)", values)
  }

  /// Whether memory is a likely reason.
  private var memoryRemark: String {
    let place = RunMachine(environment)
    guard !place.isOnGPU,
      let peak = log.records.last(where: { $0[MetricName.peakMemory] != nil })?[MetricName.peakMemory],
      let memory = environment?["memory_bytes"]?.int, memory > 0
    else { return "" }
    let used = Double(place.processesPerHost) * peak
    guard used > 0.7 * Double(memory) else { return "" }
    return
      ". Memory may have run out: \(HumanText.counted(place.processesPerHost, "process")) of "
      + "\(HumanText.bytes(Int(peak))) on a machine of \(HumanText.bytes(memory)) (--dry-run says what a run needs)"
  }

  // MARK: - What is left

  private var damage: Finding? {
    guard !log.damagedLines.isEmpty else { return nil }
    return .warning(
      "records",
      "\(HumanText.counted(log.damagedLines.count, "line")) of metrics.jsonl cannot be read, the first is line \(log.damagedLines[0])",
      remedy: "a killed machine leaves such a line; resuming repairs the file")
  }

  private var saved: [Finding] {
    guard let newest = checkpoints.first else { return [] }
    let whole = checkpoints.first { $0.problem == nil }
    if let problem = newest.problem {
      let older = whole.map { "checkpoint-\($0.step) is whole, and resuming takes it" } ?? "no checkpoint is whole"
      return [
        .warning(
          "checkpoint", "checkpoint-\(newest.step) is damaged: \(problem)",
          remedy: "\(older); look at the disk (dmesg, smartctl)", ["step": .integer(newest.step)])
      ]
    }
    return [
      .ok(
        "checkpoint", "checkpoint-\(newest.step) is the newest of \(checkpoints.count), and whole",
        ["step": .integer(newest.step)])
    ]
  }

  // MARK: - Numbers

  private var skipped: Finding? {
    let events = log.events.filter { $0.kind == .skippedStep }
    guard let last = events.last else { return nil }
    return .warning(
      "skipped-steps",
      "\(HumanText.counted(events.count, "step")) had to be left out, since the gradient was not a finite number; the last was step "
        + "\(last.step): \(last.message)",
      remedy: "look at the lines named; lower the learning rate where they are sound", ["steps": .integer(events.count)]
    )
  }

  private var drift: [Finding] {
    log.events.filter { $0.kind == .drift }.map { event in
      let sentences = event.message.components(separatedBy: ". ")
      return .warning(
        event.values["kind"]?.string ?? "drift",
        "since step \(event.step): " + sentences.dropLast().joined(separator: ". "),
        remedy: lowercased(sentences.last ?? ""), ["step": .integer(event.step)])
    }
  }
}
