import Foundation
import Logging
import Synchronization

// What the signs of life of the others mean.
extension Heartbeat {
  /// Looks at the others twice a second until this process leaves.
  func watch() {
    var last = SuspendingClock().now
    while true {
      usleep(500_000)
      if status.withLock(\.isStopped) { return }
      let now = SuspendingClock().now
      // This process itself was stopped and continued, as by a scheduler that suspends the whole job: no rank was silent.
      if now - last > .seconds(5) { forgetSilence(at: now) }
      last = now
      let silence = now - status.withLock(\.answered)
      if silence > Self.limit {
        return lost(
          loss(
            "no answer from the store that connects the ranks for \(Self.whole(silence)) s: \(storeHost) is unreachable",
            besides: []))
      }
      // Without answers nothing is known of the peers.
      guard silence < Self.patience else { continue }
      if let loss = judge(at: now) { return lost(loss) }
      if let member = failedPeer() {
        let gone = missingPeers()
        let reason =
          "\(member.name) lost the others"
          + (gone.isEmpty ? "" : "; \(gone.map(\.name).joined(separator: ", ")) \(gone.count == 1 ? "is" : "are") gone")
        return lost(loss(reason, besides: Set(gone.map(\.rank))))
      }
    }
  }

  private func loss(_ reason: String, besides others: Set<Int>) -> Loss {
    Loss(reason: reason, isSaidElsewhere: !roster.speaks(rank, besides: others))
  }

  private func forgetSilence(at now: SuspendingClock.Instant) {
    status.withLock { status in
      status.answered = now
      for rank in status.peers.keys { status.peers[rank]?.changed = now }
    }
  }

  /// A rank that says that its communication has failed; nil where this one has found out for itself.
  private func failedPeer() -> Member? {
    // The rank that writes files first finishes the file it is writing.
    if rank == 0, Self.writing.contains(state().phase) { return nil }
    return status.withLock { status in
      if status.hasFailed || status.error != nil { return nil }
      return roster.members.first { status.peers[$0.rank]?.beat.hasFailed == true }
    }
  }

  /// Names the ranks that are silent or that the others wait for. One process of each console does.
  ///
  /// - Returns: why to give up, if one has been silent for too long
  package func judge(at now: SuspendingClock.Instant) -> Loss? {
    let own = state()
    var messages: [String] = []
    let loss = status.withLock { status -> Loss? in
      let silent = Set(status.peers.filter { now - $0.value.changed > Self.patience }.keys)
      let waitsSince = status.own.state == own ? status.own.since : now
      for member in roster.members where member.rank != rank {
        guard var peer = status.peers[member.rank], !peer.beat.isLeaving else { continue }
        defer { status.peers[member.rank] = peer }
        let speaks = roster.speaks(rank, besides: silent.union([member.rank]))
        let silence = now - peer.changed
        let doing = "when last heard of it was \(peer.beat.state)"
        if silence > Self.limit {
          return Loss(
            reason: "\(member.name) has given no sign of life for \(Self.whole(silence)) s; \(doing)",
            isSaidElsewhere: !speaks)
        }
        if silence > Self.patience, !peer.isNamed {
          peer.isNamed = true
          guard speaks else { continue }
          messages.append(
            "\(member.name) has given no sign of life for \(Self.whole(silence)) s (stopped, or its host unreachable?); "
              + "\(doing). It is given up after \(Self.whole(Self.limit)) s.")
        }
        // It is alive, but this process waits for it.
        let isRecent = peer.calledSlow.map { now - $0 < Self.pauseBetweenReports } ?? false
        if own.phase == Self.waiting, now - waitsSince > Self.longWait, peer.beat.state.phase != Self.waiting, !isRecent
        {
          peer.calledSlow = now
          guard speaks else { continue }
          messages.append(
            "waiting for \(member.name), which has been \(peer.beat.state) for \(Int(peer.beat.seconds)) s")
        }
      }
      return nil
    }
    for message in messages { logger.warning("\(message)") }
    return loss
  }

  /// A wait for other ranks in the middle of training is reported after this long.
  package static let longWait = Duration.seconds(5)
  /// Waits for one rank are reported at most this often, since a slow rank is slow in every step.
  private static let pauseBetweenReports = Duration.seconds(60)

  private static let waiting = "exchanging gradients"
  private static let writing: Set = ["saving", "finishing"]

  private static func whole(_ duration: Duration) -> Int { Int(duration / .seconds(1)) }
}
