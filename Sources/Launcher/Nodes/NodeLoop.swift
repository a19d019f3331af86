import Foundation

/// One node's part in the job, as the thread that talks to the store runs it: a round every tenth of a second.
///
/// Node 0 leads: it decides who takes part, collects the reports of all nodes when an attempt is over, and decides what
/// follows. Every attempt has keys of its own, so nothing of an earlier one is mistaken for news.
///
/// | key | written by | holds |
/// | --- | --- | --- |
/// | `node/<i>` | each node | its ``NodeRecord`` |
/// | `arrivals` | nodes that are not told their number (c10d) | how many have come |
/// | `refusal` | node 0 | why there will be no job |
/// | `plan/<a>` | node 0 | the nodes of attempt a |
/// | `beat/<i>` | each node | a growing number |
/// | `failures/<a>`, `failure/<a>/<n>` | any node | the n-th failure of a worker, in the order of the reports |
/// | `signal/<a>` | the first node that gets one | the signal |
/// | `report/<a>/<i>` | each node | its ``NodeReport``, when its workers have ended |
/// | `lost/<a>` | node 0 | a node that is gone |
/// | `outcome/<a>` | node 0 | the ``JobOutcome`` |
/// | `gone/<i>` | each node | that it leaves, and why if the others still run |
final class NodeLoop {
  let options: LaunchOptions
  let stores: any StoreProvider
  let mailbox: Mailbox
  let host: String

  var store: JobStore?
  /// This node's number, which is its key and not its rank: nodes that leave before the job begins leave gaps.
  var index = 0
  var attempt = 0
  var awaitsPlan = false
  var awaitsOutcome = false
  /// Whether the workers of this node have ended.
  private var hasConcluded = false
  /// The nodes of the attempt, in the order of their ranks.
  var members: [Int] = []
  var isLeaving = false
  var began = ContinuousClock.now

  /// How long this node has waited for the others: to come, or to end.
  var wait = WaitClock()

  private var beats = 0
  private var nextBeat = ContinuousClock.now
  private var seenFailures = 0
  private var seenSignal = false
  private var seenLoss = false
  private var orders: [Int: Int] = [:]
  // Of node 0 only; see NodeLoop+Leading.
  var records: [Int: NodeRecord] = [:]
  var pulses: [Int: (beat: Int, since: ContinuousClock.Instant)] = [:]
  var losses: [Int: String] = [:]
  var lastCall: ContinuousClock.Instant?

  init(_ options: LaunchOptions, stores: any StoreProvider, mailbox: Mailbox) {
    self.options = options
    self.stores = stores
    self.mailbox = mailbox
    host = options.localAddress ?? HostName.current
  }

  var isLeader: Bool { index == 0 }
  var patience: Duration { .seconds(options.patience) }

  func run() {
    defer { mailbox.close() }
    do throws(LaunchError) {
      let store = try join()
      self.store = store
      while !isLeaving {
        for request in mailbox.takeRequests() { try handle(request, store) }
        try beat(store)
        if isLeader, !isLeaving { try lead(store) }
        try look(store)
        usleep(100_000)
      }
    } catch {
      mailbox.post(.lost(error))
      // Tells the others, if they can still be reached.
      if let store { try? leave(because: error.description, store) }
    }
  }

  private func handle(_ request: Mailbox.Request, _ store: JobStore) throws(LaunchError) {
    switch request {
    case .begin(let attempt):
      self.attempt = attempt
      awaitsPlan = true
      (awaitsOutcome, hasConcluded) = (false, false)
      (seenFailures, seenSignal, seenLoss, orders) = (0, false, false, [:])
      began = .now
      wait = WaitClock()
    case .failure(var failure):
      let number = try store.next("failures/\(attempt)")
      failure.order = number
      orders[failure.rank] = number
      try store.put(failure, at: "failure/\(attempt)/\(number)")
    case .signal(let number):
      _ = try store.claim(NodeSignal(number: number, node: index, host: host), at: "signal/\(attempt)")
    case .conclude(var report):
      for position in report.failures.indices {
        report.failures[position].order = orders[report.failures[position].rank] ?? Int.max
      }
      try store.put(report, at: "report/\(attempt)/\(index)")
      hasConcluded = true
      wait = WaitClock()
    case .leave(let cause): try leave(because: cause, store)
    }
  }

  /// Says that this node is alive.
  func beat(_ store: JobStore) throws(LaunchError) {
    guard ContinuousClock.now >= nextBeat else { return }
    nextBeat = .now + min(.seconds(2), patience / 8)
    beats += 1
    try store.put(beats, at: "beat/\(index)")
  }

  /// Reads what node 0 and the others have written.
  private func look(_ store: JobStore) throws(LaunchError) {
    if awaitsPlan {
      if let refusal: LaunchRefusal = try store.find("refusal") { throw refusal.error }
      guard let plan: [Int] = try store.find("plan/\(attempt)") else { return }
      guard let rank = plan.firstIndex(of: index) else { throw .tooLate(options.runID ?? "none", nodes: plan.count) }
      awaitsPlan = false
      awaitsOutcome = true
      members = plan
      mailbox.post(.plan(myPlan(rank)))
    }
    guard awaitsOutcome else { return }
    let failures = try store.count("failures/\(attempt)")
    while seenFailures < failures {
      seenFailures += 1
      guard let failure: WorkerFailure = try store.find("failure/\(attempt)/\(seenFailures)") else {
        // The counter is raised before the failure is written.
        seenFailures -= 1
        break
      }
      if orders[failure.rank] == nil { mailbox.post(.failure(failure)) }
    }
    if !seenSignal, let signal: NodeSignal = try store.find("signal/\(attempt)") {
      seenSignal = true
      if signal.node != index { mailbox.post(.signal(signal.number, host: signal.host)) }
    }
    if !seenLoss, let loss: String = try store.find("lost/\(attempt)") {
      seenLoss = true
      mailbox.post(.nodeLost(loss))
    }
    if let outcome: JobOutcome = try store.find("outcome/\(attempt)") {
      awaitsOutcome = false
      mailbox.post(.outcome(outcome))
    } else if hasConcluded, let seconds = wait.due() {
      try reportOthers(seconds, store)
    }
  }

  /// Says whose workers the job still waits for.
  private func reportOthers(_ seconds: Int, _ store: JobStore) throws(LaunchError) {
    var names: [Wording] = []
    for (rank, other) in members.enumerated() where other != index {
      if try store.has("report/\(attempt)/\(other)") { continue }
      let record: NodeRecord? = try store.find("node/\(other)")
      names.append(Wording(en: "node ", zh: "节点 ") + Wording("\(rank) (\(record?.described ?? "unknown"))"))
    }
    let others =
      names.isEmpty
      ? Wording(en: "node 0 to decide what follows", zh: "节点 0 决定下一步")
      : Wording(
        en: names.map(\.en).joined(separator: ", ") + " to end", zh: names.map(\.zh).joined(separator: "、") + " 结束")
    mailbox.post(
      .message(
        Wording(
          en: "the workers here have ended; waiting for \(others.en), \(seconds) s so far",
          zh: "这里的工作进程已结束；等待\(others.zh)，已 \(seconds) 秒")))
  }

  private func myPlan(_ rank: Int) -> AttemptPlan {
    let endpoint = options.endpoint ?? Endpoint(host: "127.0.0.1", port: 0)
    return AttemptPlan(
      attempt: attempt, nodeRank: rank, nodeCount: members.count, masterAddress: masterAddress(endpoint),
      masterPort: endpoint.port)
  }

  /// On node 0 its own name often resolves to the loopback interface, where no other node could reach its workers. The
  /// address by which the others reached it is better.
  private func masterAddress(_ endpoint: Endpoint) -> String {
    guard isLeader, Reachability.isLoopback(endpoint.host),
      let reached = members.lazy.compactMap({ self.records[$0]?.reached }).first(where: { !Reachability.isLoopback($0) }
      )
    else { return endpoint.host }
    return reached
  }

  private func leave(because cause: String?, _ store: JobStore) throws(LaunchError) {
    isLeaving = true
    try store.put(cause ?? "", at: "gone/\(index)")
    if isLeader { try dismiss(because: cause, store) }
  }
}

/// A signal that a node got.
struct NodeSignal: Codable {
  let number: Int32
  let node: Int
  let host: String
}

/// Why there is no job.
struct LaunchRefusal: Codable {
  let code: Int32
  let text: String

  init(_ error: LaunchError) { (code, text) = (error.code.rawValue, error.description) }

  var error: LaunchError { LaunchError(LaunchError.Code(rawValue: code) ?? .unavailable, text) }
}

extension LaunchError {
  static func tooLate(_ runID: String, nodes: Int) -> LaunchError {
    LaunchError(
      .unavailable,
      "too late: the job (--rdzv-id \(runID)) has already begun with \(nodes) node\(nodes == 1 ? "" : "s"), and accepts no "
        + "others while it runs. Wait longer for all nodes with --rdzv-conf last_call_timeout=<seconds>, or raise the "
        + "minimum in --nnodes.")
  }
}
