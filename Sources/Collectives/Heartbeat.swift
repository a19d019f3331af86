import Foundation
import Logging
import Synchronization
import Torch

/// Signs of life: every second each process tells the store what it is doing, and looks at the others.
///
/// A collective operation cannot tell a slow process from one that is gone: a dead host sends nothing, and a stopped
/// process keeps its connections. So whoever falls silent is named, with what it was doing, and after a while given up;
/// and when the store itself does not answer any more, its host is. A rank whose communication has failed tells so, since
/// only the neighbours of a process hear of its end: the others stop with them instead of one after the other.
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

  private struct Beat: Codable {
    var number: Int
    var state: State
    /// How long the state has been so, in seconds.
    var seconds: Double
    var isLeaving = false
    /// Whether its communication has failed; nil means no.
    var hasFailed: Bool?
  }

  private struct Peer {
    var beat: Beat
    var changed: SuspendingClock.Instant
    var isNamed = false
    var isCalledSlow = false
  }

  private struct Status {
    var peers: [Int: Peer] = [:]
    var answered = SuspendingClock().now
    var hasFailed = false
    var isLeaving = false
    var isStopped = false
  }

  /// After so long a silent rank is named.
  package static let patience = Duration.seconds(8)
  /// After so long it is given up.
  package static let limit = Duration.seconds(20)

  private let store: Store
  private let roster: Roster
  private let rank: Int
  private let logger: Logger
  private let state: @Sendable () -> State
  private let lost: @Sendable (String) -> Void
  private let status = Mutex(Status())

  package init(
    store: Store, roster: Roster, rank: Int, logger: Logger, state: @escaping @Sendable () -> State,
    lost: @escaping @Sendable (String) -> Void
  ) {
    (self.store, self.roster, self.rank, self.logger) = (store, roster, rank, logger)
    (self.state, self.lost) = (state, lost)
    let now = SuspendingClock().now
    status.withLock { status in
      for member in roster.members where member.rank != rank {
        let unheard = Beat(number: 0, state: State(phase: "starting", step: 0), seconds: 0)
        status.peers[member.rank] = Peer(beat: unheard, changed: now)
      }
    }
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

  /// After a failure of communication: the ranks that are silent now, looked at for as long as it takes to be sure.
  package func missingPeers() -> [Member] {
    status.withLock { $0.hasFailed = true }
    let started = SuspendingClock().now
    // A signal, such as the starter's SIGTERM, cuts a sleep short.
    while SuspendingClock().now < started + .milliseconds(4500) { usleep(100_000) }
    // What a dead process said last may have been heard a moment after its end; a living one has said more since then.
    let heard = started + .milliseconds(1500)
    return status.withLock { status in
      // Without answers nothing is known of the peers.
      guard SuspendingClock().now - status.answered < .seconds(4) else { return [] }
      return roster.members.filter { member in
        member.rank != rank && (status.peers[member.rank].map { $0.changed < heard } ?? true)
      }
    }
  }

  // MARK: - Telling and asking

  private func beat() {
    let ranks = roster.members.map(\.rank)
    var present: Set<Int> = []
    var number = 0
    var last = state()
    var since = SuspendingClock().now
    while true {
      let (isStopped, isLeaving, hasFailed) = status.withLock { ($0.isStopped, $0.isLeaving, $0.hasFailed) }
      let now = state()
      if now != last { (last, since) = (now, SuspendingClock().now) }
      number += 1
      let own = Beat(
        number: number, state: now, seconds: (SuspendingClock().now - since) / .seconds(1),
        isLeaving: isLeaving || isStopped, hasFailed: hasFailed ? true : nil)
      do {
        try store.set("\(rank)", to: Array(JSONEncoder().encode(own)))
        if isStopped { return }
        for rank in ranks where try !present.contains(rank) && store.exists("\(rank)") { present.insert(rank) }
        let known = present.sorted()
        for (rank, bytes) in zip(known, try store.get(all: known.map { "\($0)" })) where rank != self.rank {
          hear(rank, try JSONDecoder().decode(Beat.self, from: Data(bytes)))
        }
        status.withLock { $0.answered = SuspendingClock().now }
      } catch {
        // The first rank may have left, and its store with it, at a good end.
        if status.withLock({ $0.isLeaving || $0.isStopped }) { return }
        usleep(300_000)
        if status.withLock({ $0.isLeaving || $0.isStopped }) { return }
        return lost("the store that connects the ranks is gone, and with it \(storeHost): \(error)")
      }
      usleep(1_000_000)
    }
  }

  private var storeHost: String { "the launcher or rank 0 on \(roster.members[0].host)" }

  private func hear(_ rank: Int, _ beat: Beat) {
    status.withLock { status in
      if status.peers[rank]?.beat.number != beat.number {
        status.peers[rank] = Peer(
          beat: beat, changed: SuspendingClock().now, isCalledSlow: status.peers[rank]?.isCalledSlow ?? false)
      }
    }
  }

  // MARK: - Judging

  private func watch() {
    var last = SuspendingClock().now
    while true {
      usleep(500_000)
      if status.withLock(\.isStopped) { return }
      let now = SuspendingClock().now
      // Stopped itself, and continued (a scheduler that suspends the whole job): nobody was silent, nobody listened.
      if now - last > .seconds(5) { listenAnew(at: now) }
      last = now
      let silence = now - status.withLock(\.answered)
      if silence > Self.limit {
        return lost(
          "no answer from the store that connects the ranks for \(whole(silence)) s: \(storeHost) is unreachable")
      }
      // Without answers nothing is known of the peers.
      guard silence < Self.patience else { continue }
      if let reason = judge(at: now) { return lost(reason) }
      if let member = failedPeer() {
        let gone = missingPeers().map(\.name)
        return lost(
          "\(member.name) lost the others"
            + (gone.isEmpty ? "" : "; \(gone.joined(separator: ", ")) \(gone.count == 1 ? "is" : "are") gone"))
      }
    }
  }

  private func listenAnew(at now: SuspendingClock.Instant) {
    status.withLock { status in
      status.answered = now
      for rank in status.peers.keys { status.peers[rank]?.changed = now }
    }
  }

  /// A rank that says that its communication has failed; nil where this one has found out for itself.
  private func failedPeer() -> Member? {
    // The rank that writes files finishes the one it is at.
    if rank == 0, Self.writing.contains(state().phase) { return nil }
    return status.withLock { status in
      if status.hasFailed { return nil }
      return roster.members.first { status.peers[$0.rank]?.beat.hasFailed == true }
    }
  }

  /// Names whoever is silent or holds the others up.
  ///
  /// - Returns: why to give up, if one has been silent for too long
  package func judge(at now: SuspendingClock.Instant) -> String? {
    let own = state()
    var messages: [String] = []
    let reason = status.withLock { status -> String? in
      for member in roster.members where member.rank != rank {
        guard var peer = status.peers[member.rank], !peer.beat.isLeaving else { continue }
        defer { status.peers[member.rank] = peer }
        let silence = now - peer.changed
        let doing = "when last heard of it was \(peer.beat.state)"
        if silence > Self.limit {
          return "\(member.name) has given no sign of life for \(whole(silence)) s; \(doing)"
        }
        if silence > Self.patience, !peer.isNamed {
          peer.isNamed = true
          messages.append(
            "\(member.name) has given no sign of life for \(whole(silence)) s (stopped, or its host unreachable?); "
              + "\(doing). It is given up after \(whole(Self.limit)) s.")
        }
        // Alive, but everybody waits for it.
        if own.phase == Self.waiting, peer.beat.state.phase != Self.waiting, peer.beat.seconds > 60, !peer.isCalledSlow
        {
          peer.isCalledSlow = true
          messages.append(
            "waiting for \(member.name), which has been \(peer.beat.state) for \(Int(peer.beat.seconds)) s")
        }
      }
      return nil
    }
    for message in messages { logger.warning("\(message)") }
    return reason
  }

  private static let waiting = "exchanging gradients"
  private static let writing: Set = ["saving", "finishing"]

  private func whole(_ duration: Duration) -> Int { Int(duration / .seconds(1)) }
}

extension Heartbeat.State: CustomStringConvertible {
  /// As in `computing (step 14)`.
  public var description: String { step > 0 ? "\(phase) (step \(step))" : phase }
}
