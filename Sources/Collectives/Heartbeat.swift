import Foundation
import Logging
import Synchronization
import Torch

/// Signs of life: every second each process tells the store what it is doing, and looks at the others.
///
/// A collective operation cannot tell a slow process from one that is gone: a dead host sends nothing, and a stopped
/// process keeps its connections. So a rank that falls silent is named, with what it was doing, and after a while given
/// up; and when the store itself does not answer any more, its host is. A rank that ends with an error leaves the error
/// here, so that the others can print it. A rank whose communication has failed says so too, since only the neighbours of
/// a process notice its end: the others stop with them instead of one after the other.
public final class Heartbeat: Sendable {
  /// What a process is doing.
  public struct State: Codable, Sendable, Hashable {
    /// Such as "computing".
    public var phase: String
    /// The optimizer step it belongs to.
    public var step: Int

    /// A phase of a step.
    public init(phase: String, step: Int) {
      self.phase = phase
      self.step = step
    }
  }

  /// Why this process cannot go on.
  public struct Loss: Sendable, Hashable {
    /// What happened, as a sentence without its end.
    public let reason: String
    /// Whether another process says the same in the same place.
    public let isSaidElsewhere: Bool
  }

  struct Beat: Codable {
    var number: Int
    var state: State
    /// How long the state has been so, in seconds.
    var seconds: Double
    var isLeaving = false
    /// Whether its communication has failed; nil means no.
    var hasFailed: Bool?
    /// The error with which the process ends.
    var error: String?
  }

  struct Peer {
    var beat: Beat
    var changed: SuspendingClock.Instant
    var isNamed = false
    /// When it was last said that the others wait for it.
    var calledSlow: SuspendingClock.Instant?
  }

  struct Status {
    var peers: [Int: Peer] = [:]
    var own: (state: State, since: SuspendingClock.Instant)
    var number = 0
    var answered = SuspendingClock().now
    var hasFailed = false
    var error: String?
    var isLeaving = false
    var isStopped = false
  }

  /// A rank is named after this long a silence.
  package static let patience = Duration.seconds(8)
  /// It is given up after this long a silence.
  package static let limit = Duration.seconds(20)

  private let store: Store
  let roster: Roster
  let rank: Int
  let logger: Logger
  let state: @Sendable () -> State
  let lost: @Sendable (Loss) -> Void
  let status: Mutex<Status>
  private let storeIsOnFirst: Bool

  /// - Parameters:
  ///   - storeIsOnFirst: whether rank 0 hosts the store; else its starter does
  ///   - state: asked, from another thread, what this process is doing
  ///   - lost: called, on another thread, when the others are gone for good
  package init(
    store: Store, roster: Roster, rank: Int, storeIsOnFirst: Bool, logger: Logger,
    state: @escaping @Sendable () -> State, lost: @escaping @Sendable (Loss) -> Void
  ) {
    (self.store, self.roster, self.rank, self.logger) = (store, roster, rank, logger)
    (self.storeIsOnFirst, self.state, self.lost) = (storeIsOnFirst, state, lost)
    let now = SuspendingClock().now
    var status = Status(own: (state(), now))
    for member in roster.members where member.rank != rank {
      let unheard = Beat(number: 0, state: State(phase: "starting", step: 0), seconds: 0)
      status.peers[member.rank] = Peer(beat: unheard, changed: now)
    }
    self.status = Mutex(status)
    // Threads of their own: a call to a store whose host has vanished may never return.
    Thread.detachNewThread { [self] in beat() }
    Thread.detachNewThread { [self] in watch() }
  }

  /// This process has come to its end and only waits for the others: from now on its silence, and that of a store whose
  /// host has left, mean nothing.
  package func leave() { status.withLock { $0.isLeaving = true } }

  /// Ends both threads; the others are told that this process leaves.
  package func stop() { status.withLock { $0.isStopped = true } }

  /// What another rank said last.
  package func activity(of rank: Int) -> String? {
    status.withLock { $0.peers[rank]?.beat.state.description }
  }

  /// What every rank is doing, for how long, and since when nothing was heard of it, in seconds; in their order.
  package func activities() -> [(rank: Int, state: State, seconds: Double, silence: Double)] {
    let now = SuspendingClock().now
    let current = state()
    return status.withLock { status in
      roster.members.map { member in
        guard member.rank != rank, let peer = status.peers[member.rank] else {
          let seconds = status.own.state == current ? (now - status.own.since) / .seconds(1) : 0
          return (member.rank, current, seconds, 0)
        }
        let silence = peer.beat.isLeaving ? 0 : (now - peer.changed) / .seconds(1)
        return (member.rank, peer.beat.state, peer.beat.seconds + silence, silence)
      }
    }
  }

  /// The ranks that have not come to their end.
  func staying() -> [Member] {
    status.withLock { status in
      roster.members.filter { $0.rank != rank && status.peers[$0.rank]?.beat.isLeaving != true }
    }
  }

  // MARK: - Errors

  /// Leaves the error with which this process ends, and waits a moment until the others have read it.
  ///
  /// - Returns: whether the error is still to be printed: a lower rank may print the same in the same place
  package func fail(_ message: String) -> Bool {
    status.withLock { $0.error = String(message.prefix(4000)) }
    do {
      try tell()
      let others = roster.members.filter { $0.rank != rank }
      let deadline = SuspendingClock().now + .seconds(storeIsOnFirst && rank == 0 ? 3 : 0.7)
      // The store of rank 0 ends with it.
      while SuspendingClock().now < deadline,
        try !others.allSatisfy({ try store.exists("heard/\(rank)/\($0.rank)") })
      {
        usleep(50_000)
      }
      let console = roster.members[rank].console
      for member in others where member.rank < rank && member.console == console {
        guard let bytes = try store.find("\(member.rank)") else { continue }
        if try JSONDecoder().decode(Beat.self, from: Data(bytes)).error == String(message.prefix(4000)) { return false }
      }
    } catch {
      logger.debug("the others could not be told: \(error)")
    }
    return true
  }

  /// After a failure of communication: the ranks that are silent now, looked at for as long as it takes to be sure.
  package func missingPeers() -> [Member] {
    status.withLock { $0.hasFailed = true }
    let started = SuspendingClock().now
    // A signal, such as the starter's SIGTERM, cuts a sleep short.
    while SuspendingClock().now < started + .milliseconds(4500) { usleep(100_000) }
    // The last beat of a dead process may have been read a moment after its end; a living one has sent more since then.
    let heard = started + .milliseconds(1500)
    return status.withLock { status in
      // Without answers nothing is known of the peers, except that rank 0 is gone where the store was its.
      guard SuspendingClock().now - status.answered < .seconds(4) else {
        return storeIsOnFirst && rank != 0 ? [roster.members[0]] : []
      }
      return roster.members.filter { member in
        member.rank != rank && (status.peers[member.rank].map { $0.changed < heard } ?? true)
      }
    }
  }

  // MARK: - Telling and asking

  /// Writes what this process is doing.
  private func tell() throws {
    let current = state()
    let now = SuspendingClock().now
    let own = status.withLock { status -> Beat in
      if status.own.state != current { status.own = (current, now) }
      status.number += 1
      return Beat(
        number: status.number, state: current, seconds: (now - status.own.since) / .seconds(1),
        isLeaving: status.isLeaving || status.isStopped, hasFailed: status.hasFailed ? true : nil, error: status.error)
    }
    try store.set("\(rank)", to: Array(JSONEncoder().encode(own)))
  }

  private func beat() {
    let ranks = roster.members.map(\.rank)
    var present: Set<Int> = []
    while true {
      let isStopped = status.withLock(\.isStopped)
      do {
        try tell()
        if isStopped { return }
        for rank in ranks where try !present.contains(rank) && store.exists("\(rank)") { present.insert(rank) }
        let known = present.sorted()
        for (rank, bytes) in zip(known, try store.get(all: known.map { "\($0)" })) where rank != self.rank {
          hear(rank, try JSONDecoder().decode(Beat.self, from: Data(bytes)))
        }
        status.withLock { $0.answered = SuspendingClock().now }
        if let loss = try errorOfPeer() { return lost(loss) }
      } catch {
        // The first rank may have left, and its store with it, at a good end.
        if status.withLock({ $0.isLeaving || $0.isStopped }) { return }
        usleep(300_000)
        if status.withLock({ $0.isLeaving || $0.isStopped }) { return }
        logger.debug("\(error)")
        return lost(
          Loss(
            reason: "the store that connects the ranks is gone: \(storeHost) has ended",
            isSaidElsewhere: !roster.speaks(rank, besides: storeIsOnFirst ? [0] : [])))
      }
      usleep(1_000_000)
    }
  }

  /// Who hosts the store, for people.
  var storeHost: String {
    storeIsOnFirst ? roster.members[0].name : "the launcher of \(roster.members[0].host)"
  }

  private func hear(_ rank: Int, _ beat: Beat) {
    status.withLock { status in
      if status.peers[rank]?.beat.number != beat.number {
        status.peers[rank] = Peer(
          beat: beat, changed: SuspendingClock().now, calledSlow: status.peers[rank]?.calledSlow)
      }
    }
  }

  /// The error that another rank has left, unless this one ends with an error of its own.
  private func errorOfPeer() throws -> Loss? {
    let failed = status.withLock { status in
      roster.members.filter { status.peers[$0.rank]?.beat.error != nil }
    }
    guard let first = failed.first, let error = status.withLock({ $0.peers[first.rank]?.beat.error }) else {
      return nil
    }
    for member in failed { try store.set("heard/\(member.rank)/\(rank)", to: [1]) }
    // The starter should see the rank that failed end first, and stop this one. This one may also end by itself.
    let deadline = SuspendingClock().now + .seconds(2)
    while SuspendingClock().now < deadline { usleep(100_000) }
    if status.withLock({ $0.error != nil }) { return nil }
    let isOnSameConsole = roster.members[first.rank].console == roster.members[rank].console
    return Loss(
      reason: "\(first.name) ended with an error: \(error)",
      isSaidElsewhere: isOnSameConsole || !roster.speaks(rank, besides: Set(failed.map(\.rank))))
  }
}

extension Heartbeat.State: CustomStringConvertible {
  /// As in `computing (step 14)`.
  public var description: String { step > 0 ? "\(phase) (step \(step))" : phase }
}
