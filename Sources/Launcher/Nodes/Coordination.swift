/// What the nodes agree on: which of them take part in an attempt, when it is stopped, and how it ended.
/// Called from the agent's thread; only `leave` waits.
protocol Coordination: AnyObject {
  /// Readable when there may be news.
  var wakeDescriptor: Int32? { get }
  /// Asks to take part in an attempt.
  func begin(attempt: Int)
  /// What happened since the last call.
  func news() -> [CoordinationNews]
  /// A worker of this node failed: the attempt is over for all.
  func tell(failure: WorkerFailure)
  /// This node got a signal, and passed it on to its workers.
  func tell(signal: Int32)
  /// All workers of this node ended.
  func conclude(_ report: NodeReport)
  /// The job is over for this node, or it leaves the others for a reason. Waits, within limits, for those that still need
  /// it, and says for whom.
  func leave(because cause: String?, saying say: (Wording) -> Void)
}

/// What comes from the other nodes, or from the agreement with them.
enum CoordinationNews: Sendable {
  /// The attempt begins.
  case plan(AttemptPlan)
  /// A worker of another node failed.
  case failure(WorkerFailure)
  /// Another node got a signal.
  case signal(Int32, host: String)
  /// Another node is gone: the attempt is over for all.
  case nodeLost(String)
  /// How the attempt ended for the whole job.
  case outcome(JobOutcome)
  /// The job cannot continue on this node.
  case lost(LaunchError)
  /// A message for the user.
  case message(Wording)
}

/// Which nodes take part in an attempt.
struct AttemptPlan: Codable, Hashable, Sendable {
  let attempt: Int
  /// Number of this node among those that take part.
  let nodeRank: Int
  let nodeCount: Int
  /// Where the workers meet.
  let masterAddress: String
  let masterPort: Int
}

/// How an attempt ended on a node.
struct NodeReport: Codable, Hashable, Sendable {
  let host: String
  var failures: [WorkerFailure] = []
  /// How the other workers ended.
  var endings: [Ending] = []
  /// Ranks that the launcher stopped.
  var stopped: [Int] = []
  /// The signal that the node got from outside.
  var signal: Int32?
}

/// What follows from the reports of all nodes.
struct JobOutcome: Codable, Hashable, Sendable {
  /// The next attempt; nil when the job is over.
  var restart: Int?
  /// What the launcher ends with.
  var code: Int32 = 0
  var failures: [WorkerFailure] = []
  var stopped: [Int] = []
  /// Why it ended, if no worker's failure explains it.
  var cause: String?

  /// Decides what follows an attempt.
  ///
  /// - Parameters:
  ///   - reports: of all nodes that remain
  ///   - lost: why others are gone
  init(reports: [NodeReport], lost: String? = nil, attempt: Int, maxRestarts: Int) {
    failures = reports.flatMap(\.failures)
    stopped = reports.flatMap(\.stopped).sorted()
    let wasSignalled = reports.contains { $0.signal != nil }
    let mayRestart = attempt < maxRestarts && !wasSignalled
    let root = WorkerFailure.root(of: failures)
    // The loss of a node explains more than workers that lost their peers.
    if let lost, root?.isPrimary != true {
      cause = lost
      code = LaunchError.Code.unavailable.rawValue
      if mayRestart { restart = attempt + 1 }
    } else if let root {
      code = root.ending.code
      if mayRestart, !root.ending.isDeterministic { restart = attempt + 1 }
    } else {
      let endings = reports.flatMap(\.endings)
      code = endings.contains(.stopped) ? Ending.stopped.code : endings.map(\.code).max() ?? 0
    }
  }
}
