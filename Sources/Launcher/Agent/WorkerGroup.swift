import Foundation

/// The workers of an attempt on this node: watched together, stopped together.
final class WorkerGroup {
  let workers: [WorkerProcess]
  let streams: [WorkerStream]
  private let host: String
  private let logs: [Int: [String]]
  /// Failures in the order in which they were noticed.
  private(set) var failures: [WorkerFailure] = []

  /// When the workers that still run get SIGTERM, and when SIGKILL.
  private var terminateAt: ContinuousClock.Instant?
  private(set) var killAt: ContinuousClock.Instant?
  private var isTerminated = false
  private let shutdownTimeout: Duration

  /// How long the launcher waits for the cause when the first failure that it sees is a worker that lost a peer: the
  /// peer may be about to end, and SIGTERM would hide why.
  static let patienceForCause = Duration.seconds(1)

  /// - Parameter logs: paths of log files by local rank
  init(
    _ workers: [WorkerProcess], streams: [WorkerStream], logs: [Int: [String]], host: String, shutdownTimeout: Duration
  ) {
    self.workers = workers
    self.streams = streams
    self.logs = logs
    self.host = host
    self.shutdownTimeout = shutdownTimeout
  }

  /// Whether the workers are being stopped.
  var isStopping: Bool { terminateAt != nil }
  var hasEnded: Bool { workers.allSatisfy { $0.ending != nil } }
  var running: [WorkerProcess] { workers.filter { $0.ending == nil } }

  /// The last lines of the workers whose messages the console shows.
  var shownLines: [String] {
    streams.filter { $0.kind == .error && $0.screen != nil }.flatMap(\.worker.lastLines.all)
  }

  /// Looks which workers have ended. Returns the new failures. Of those noticed together, one that was killed comes before
  /// one that gave up by itself, since the latter is more often the consequence.
  func look() -> [WorkerFailure] {
    let ended = workers.filter { $0.look() }
    let failed = ended.filter { $0.ending?.isFailure == true && !$0.endedAsAsked }.sorted {
      Self.weight($0) < Self.weight($1)
    }
    let new = failed.map { worker in
      for stream in streams where stream.worker === worker { stream.relayAll() }
      return WorkerFailure(
        worker, ending: worker.ending ?? .exited(70), host: host, logs: logs[worker.place.localRank] ?? [])
    }
    for var failure in new {
      failure.order = failures.count
      failures.append(failure)
    }
    return Array(failures.suffix(new.count))
  }

  private static func weight(_ worker: WorkerProcess) -> Int {
    switch worker.ending {
    case .killed: 0
    case .lostPeer: 2
    default: 1
    }
  }

  /// Stops all workers: SIGTERM now or, where the cause is not known yet, a moment later; SIGKILL at the timeout.
  func stop(knowingCause: Bool, now: ContinuousClock.Instant = .now) {
    let at = knowingCause ? now : now + Self.patienceForCause
    terminateAt = min(terminateAt ?? at, at)
  }

  /// Passes a signal on, and gives the workers until the timeout.
  func pass(_ signal: Int32, now: ContinuousClock.Instant = .now) {
    running.forEach { $0.send(signal) }
    killAt = min(killAt ?? now + shutdownTimeout, now + shutdownTimeout)
  }

  func killAll() { running.forEach { $0.send(SIGKILL) } }

  /// Not later than this.
  func kill(by deadline: ContinuousClock.Instant) { killAt = min(killAt ?? deadline, deadline) }

  /// Sends the signals that are due. Returns the workers that were killed because they did not stop.
  func tick(now: ContinuousClock.Instant = .now) -> [WorkerProcess] {
    if let terminateAt, now >= terminateAt, !isTerminated {
      isTerminated = true
      pass(SIGTERM, now: now)
    }
    guard let killAt, now >= killAt else { return [] }
    let stubborn = running.filter { !$0.sentSignals.contains(SIGKILL) }
    stubborn.forEach { $0.send(SIGKILL) }
    return stubborn
  }

  /// The next moment at which ``tick(now:)`` has something to do.
  var nextDeadline: ContinuousClock.Instant? {
    let toKill = running.contains { !$0.sentSignals.contains(SIGKILL) } ? killAt : nil
    return [isTerminated ? nil : terminateAt, toKill].compactMap(\.self).min()
  }

  /// Kills what workers left in their groups, and reads the rest of their output.
  func release() {
    workers.forEach { $0.release() }
    for stream in streams {
      stream.relayAll()
      stream.finish()
    }
  }

  func report(signal: Int32?) -> NodeReport {
    let failed = Set(failures.map(\.rank))
    var failures = failures
    var others = workers.filter { !failed.contains($0.place.rank) }
    // Some were stopped before they could fail by themselves, and had written down the same reason.
    if let root = WorkerFailure.root(of: failures), let reason = root.reason {
      for worker in others where worker.endedAsAsked {
        var failure = WorkerFailure(
          worker, ending: root.ending, host: host, logs: logs[worker.place.localRank] ?? [])
        guard failure.reason == reason else { continue }
        failure.order = failures.count
        failures.append(failure)
      }
      others.removeAll { worker in failures.contains { $0.rank == worker.place.rank } }
    }
    return NodeReport(
      host: host, failures: failures, endings: others.compactMap(\.ending),
      stopped: others.filter { $0.endedAsAsked || $0.ending == .stopped }.map(\.place.rank), signal: signal)
  }
}
