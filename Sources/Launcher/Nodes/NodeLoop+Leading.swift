import Foundation

// What only node 0 does: it decides.
extension NodeLoop {
  func lead(_ store: JobStore) throws(LaunchError) {
    if awaitsPlan {
      try plan(store)
    } else if awaitsOutcome {
      try conclude(store)
    }
  }

  // MARK: Who takes part

  private func plan(_ store: JobStore) throws(LaunchError) {
    if attempt > 0 { return try store.put(members.filter { losses[$0] == nil }, at: "plan/\(attempt)") }
    let came = try arrived(store)
    if let first = records[0] {
      for (rank, index) in came.enumerated() {
        guard let other = records[index], let conflict = first.conflict(with: other, ranks: (0, rank)) else { continue }
        return try refuse(.usage("the nodes were started differently: \(conflict)"), store)
      }
    }
    let isComplete: Bool
    if came.count >= options.nodes.upperBound {
      isComplete = true
    } else if came.count >= options.nodes.lowerBound {
      let deadline = lastCall ?? .now + .seconds(options.lastCallTimeout)
      lastCall = deadline
      isComplete = .now >= deadline
    } else {
      lastCall = nil
      isComplete = false
    }
    if isComplete { return try store.put(Array(came.prefix(options.nodes.upperBound)), at: "plan/0") }
    try wait(for: came, store)
  }

  /// The numbers of the nodes that have come and are still there. With the static back end a node that left cannot be
  /// replaced.
  private func arrived(_ store: JobStore) throws(LaunchError) -> [Int] {
    let last = options.backend == .static ? options.nodes.upperBound - 1 : try store.count("arrivals")
    var present: [Int] = [0]
    for index in 0..<(last + 1) where index > 0 {
      if records[index] == nil { records[index] = try store.find("node/\(index)") }
      guard records[index] != nil, losses[index] == nil else { continue }
      if let loss = try loss(of: index, store) {
        losses[index] = loss
        mailbox.post(.message(Wording(loss)))
        if options.backend == .static { try refuse(LaunchError(.unavailable, loss), store) }
      } else {
        present.append(index)
      }
    }
    return present
  }

  private func wait(for came: [Int], _ store: JobStore) throws(LaunchError) {
    let waited = ContinuousClock.now - began
    let names = came.compactMap { records[$0]?.host }.joined(separator: ", ")
    let absent = (0..<options.nodes.upperBound).filter { !came.contains($0) }.map(String.init).joined(separator: ", ")
    let missing =
      options.backend == .static
      ? Wording(en: "; missing: node \(absent)", zh: "；还缺节点 \(absent)") : Wording("")
    let state = Wording(
      en: "\(came.count) of \(options.nodes.described) nodes are here (\(names))\(missing.en)",
      zh: "\(options.nodes.described) 个节点中已到 \(came.count) 个（\(names)）\(missing.zh)")
    if waited > .seconds(options.joinTimeout), came.count < options.nodes.lowerBound {
      return try refuse(
        LaunchError(.unavailable, "not enough nodes within \(Int(options.joinTimeout)) s: \(state.en)."), store)
    }
    if let seconds = wait.due() {
      let limit = Int(options.joinTimeout)
      mailbox.post(
        .message(
          Wording(
            en: "waiting for nodes: \(state.en); \(seconds) s so far, they have \(limit) s",
            zh: "等待节点：\(state.zh)；已 \(seconds) 秒，限 \(limit) 秒")))
    }
  }

  private func refuse(_ error: LaunchError, _ store: JobStore) throws(LaunchError) {
    // The first reason stays.
    _ = try store.claim(LaunchRefusal(error), at: "refusal")
  }

  // MARK: How it ended

  private func conclude(_ store: JobStore) throws(LaunchError) {
    var reports: [NodeReport] = []
    var isComplete = true
    for index in members where losses[index] == nil {
      if let report: NodeReport = try store.find("report/\(attempt)/\(index)") {
        reports.append(report)
      } else if index != 0, let loss = try loss(of: index, store) {
        losses[index] = loss
        try store.put(loss, at: "lost/\(attempt)")
      } else {
        isComplete = false
      }
    }
    guard isComplete else { return }
    let lost = members.filter { losses[$0] != nil }
    var outcome = JobOutcome(
      reports: reports, lost: lost.first.flatMap { losses[$0] }, attempt: attempt, maxRestarts: options.maxRestarts)
    if outcome.restart != nil, members.count - lost.count < options.nodes.lowerBound {
      outcome.restart = nil
      outcome.cause =
        (outcome.cause ?? "")
        + " With \(members.count - lost.count) of at least \(options.nodes.lowerBound) nodes left, the "
        + "job cannot go on."
    }
    try store.put(outcome, at: "outcome/\(attempt)")
  }

  /// Why a node is gone: it said so, or its beats have stopped; nil when it is there.
  private func loss(of index: Int, _ store: JobStore) throws(LaunchError) -> String? {
    let name = "node \(members.firstIndex(of: index) ?? index) (\(records[index]?.described ?? "unknown"))"
    if let cause: String = try store.find("gone/\(index)") { return "\(name) left: \(cause)" }
    let beat: Int = try store.find("beat/\(index)") ?? 0
    guard let pulse = pulses[index], pulse.beat == beat else {
      pulses[index] = (beat, .now)
      return nil
    }
    guard ContinuousClock.now - pulse.since > patience else { return nil }
    return "\(name) was lost: no sign of its launcher for \(Int(options.patience)) s. Look at that machine, and at the "
      + "network to it."
  }

  // MARK: The end

  /// Keeps the store until the others have left, within limits. When node 0 itself gives up, it tells them why.
  func dismiss(because cause: String?, _ store: JobStore) throws(LaunchError) {
    if let cause {
      let text = "node 0 (\(records[0]?.described ?? host)) left: \(cause)"
      if awaitsPlan { try refuse(LaunchError(.unavailable, text), store) }
      if awaitsOutcome {
        try store.put(text, at: "lost/\(attempt)")
        try store.put(JobOutcome(reports: [], lost: text, attempt: 0, maxRestarts: 0), at: "outcome/\(attempt)")
      }
    }
    let others = Set(records.keys.filter { $0 != 0 && losses[$0] == nil })
    let deadline = ContinuousClock.now + patience
    var wait = WaitClock()
    for index in others.sorted() {
      while ContinuousClock.now < deadline, try !store.has("gone/\(index)") {
        if let seconds = wait.due() {
          let name = records[index]?.described ?? "unknown"
          mailbox.post(
            .message(
              Wording(
                en: "waiting for the launcher of node \(index) (\(name)) to leave, \(seconds) s so far",
                zh: "等待节点 \(index)（\(name)）的启动器离开，已 \(seconds) 秒")))
        }
        usleep(20_000)
      }
    }
  }
}
