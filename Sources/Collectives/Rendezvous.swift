import Files
import Foundation
import Launcher
import Logging
import Synchronization
import Torch

/// How the processes of a job find each other: a store that all of them reach, and in it a roster of who is there.
package struct Rendezvous: Sendable {
  private let environment: WorkerEnvironment
  private let waits: WaitReports
  private let logger: Logger
  private let patience: Int

  /// - Parameters:
  ///   - environment: who this process is, and where the processes meet
  ///   - waits: reports what this process waits for
  ///   - patience: how many seconds the others may take to come
  package init(environment: WorkerEnvironment, waits: WaitReports, logger: Logger, patience: Int) {
    (self.environment, self.waits) = (environment, waits)
    (self.logger, self.patience) = (logger, patience)
  }

  // MARK: - The store

  /// The store, hosted by the starter, by rank 0, or found through a file.
  package func store() throws -> Store {
    guard let host = environment.masterAddress, let port = environment.masterPort else { return try storeOnOneHost() }
    if hostsStore {
      // What is all on this host needs no port that others reach.
      let isLocal = environment.localWorldSize == environment.worldSize && ListeningSocket.isLoopback(host)
      guard let socket = try isLocal ? ListeningSocket.local(port: port) : .everywhere(port: port) else {
        throw CollectiveError.portTaken(port: port, reason: "\(PortOwner.describe(port: port)) has it")
      }
      logger.debug("rank 0 hosts the store at port \(port)")
      return try Store.hosting(port: port, listening: socket.descriptor)
    }
    let owner = environment.usesAgentStore ? "the launcher" : "rank 0"
    let place = Endpoint(host: host, port: port)
    let latest = Mutex("looking up the name \(host)")
    let address = try waits.during {
      "\(owner) at \(place) (MASTER_ADDR and MASTER_PORT; \(latest.withLock { $0 }))"
    } body: {
      try NetworkRoute.listeningAddress(of: host, port: port, seconds: patience) { outcome in
        latest.withLock { $0 = outcome }
        logger.debug("reaching the store: \(outcome)")
      }
    }
    return try waits.during {
      "\(owner) at \(place) to answer"
    } body: {
      try Store.connecting(to: address, port: port)
    }
  }

  /// Whether this process hosts the store, which ends with it.
  private var hostsStore: Bool { environment.rank == 0 && !environment.usesAgentStore }

  /// Where the starter names no meeting place, rank 0 listens on a free port and leaves its number in a file.
  private func storeOnOneHost() throws -> Store {
    let file = try portFile
    if environment.rank == 0 {
      let socket = try ListeningSocket.local()
      let store = try Store.hosting(port: socket.port, listening: socket.descriptor)
      // The process id shows whether an earlier job left the file behind.
      try writeAtomically("\(socket.port) \(getpid())".utf8, to: file)
      logger.debug("rank 0 hosts the store at port \(socket.port), as \(file.path) says")
      return store
    }
    return try waits.during {
      "rank 0, which leaves its port in \(file.path)"
    } body: {
      let deadline = SuspendingClock().now + .seconds(patience)
      while SuspendingClock().now < deadline {
        let numbers =
          (try? String(contentsOf: file, encoding: .utf8))?.split(separator: " ").compactMap { Int($0) } ?? []
        if numbers.count == 2, kill(pid_t(numbers[1]), 0) == 0,
          let store = try? Store.connecting(to: "127.0.0.1", port: numbers[0], timeout: .seconds(5))
        {
          return store
        }
        usleep(50_000)
      }
      throw CollectiveError.missing(ranks: [0], worldSize: environment.worldSize, seconds: patience)
    }
  }

  private var portFile: URL {
    get throws {
      let name = environment.jobIdentity.map { $0.isLetter || $0.isNumber ? String($0) : "-" }.joined()
      return try PrivateFolder.location().appendingPathComponent("\(name).port")
    }
  }

  /// Removes the file once all processes have met.
  func removePortFile() {
    guard environment.rank == 0, environment.masterAddress == nil else { return }
    if let file = try? portFile { try? FileManager.default.removeItem(at: file) }
  }

  // MARK: - The roster

  /// Who is there, and a part of the store that holds nothing of any earlier meeting.
  ///
  /// The store may be older than this start of the job and hold keys of processes that are dead. So each rank writes a
  /// number that was never used before; rank 0 publishes the roster that it read; and only when every rank has found its
  /// own number in one and the same roster do they go on, in a part of the store named after that roster.
  ///
  /// - Throws: `CollectiveError.missing` where some ranks do not come, on all ranks that did;
  ///   `CollectiveError.storeLost`
  package func meet(_ own: Member, in store: Store) throws -> (roster: Roster, store: Store) {
    do {
      let job = environment.jobToken.map { "\($0)/" } ?? ""
      let place = try store.prefixed("minimind-dpo/\(job)\(environment.runID)/\(environment.restartCount)")
      try place.set("member/\(own.rank)", to: Array(JSONEncoder().encode(own)))
      let roster = try own.rank == 0 ? publishRoster(in: place) : awaitRoster(with: own, in: place)
      return (roster, try place.prefixed(roster.key))
    } catch let error as TorchError where error.kind == .communication {
      logger.debug("\(error)")
      throw CollectiveError.storeLost(byLauncher: environment.usesAgentStore)
    }
  }

  /// The ranks that a process waits for, shared with the thread that reports it.
  private final class Awaited: Sendable {
    private let ranks = Mutex<[Int]>([])
    func set(_ missing: [Int]) { ranks.withLock { $0 = missing } }
    func names(of worldSize: Int) -> String {
      let missing = ranks.withLock { $0 }
      return missing.isEmpty ? "rank 0 to confirm who is there" : "\(CollectiveError.list(missing)) of \(worldSize)"
    }
  }

  private func publishRoster(in place: Store) throws -> Roster {
    let awaited = Awaited()
    return try waits.during {
      awaited.names(of: environment.worldSize)
    } body: {
      let deadline = SuspendingClock().now + .seconds(patience)
      while true {
        let members = try (0..<environment.worldSize).map { rank in
          try place.find("member/\(rank)").map { try JSONDecoder().decode(Member.self, from: Data($0)) }
        }
        let roster = Roster(members: members.compactMap(\.self))
        var missing = members.indices.filter { members[$0] == nil }
        if missing.isEmpty {
          try place.set("roster", to: Array(JSONEncoder().encode(roster)))
          // A rank that does not confirm this roster is not the process that the entry belongs to.
          missing = try (1..<max(1, roster.worldSize)).filter { try !place.exists("\(roster.key)/confirmed/\($0)") }
          if missing.isEmpty {
            try place.set("\(roster.key)/complete", to: [1])
            return roster
          }
        }
        guard SuspendingClock().now < deadline else {
          try refuse(Refusal(missing: missing, present: roster.members.map(\.nonce)), in: place)
          throw CollectiveError.missing(ranks: missing, worldSize: environment.worldSize, seconds: patience)
        }
        awaited.set(missing)
        usleep(20_000)
      }
    }
  }

  private func awaitRoster(with own: Member, in place: Store) throws -> Roster {
    let awaited = Awaited()
    return try waits.during {
      awaited.names(of: environment.worldSize)
    } body: {
      let started = SuspendingClock().now
      var nextLook = started + .seconds(1)
      var confirmed: Roster?
      // Rank 0 may have started later, and knows whom all wait for.
      while SuspendingClock().now < started + .seconds(patience + 5) {
        if let bytes = try place.find("roster"),
          let roster = try? JSONDecoder().decode(Roster.self, from: Data(bytes)),
          roster.worldSize == environment.worldSize, roster.members[own.rank] == own
        {
          if roster != confirmed { try place.set("\(roster.key)/confirmed/\(own.rank)", to: [1]) }
          confirmed = roster
          if try place.exists("\(roster.key)/complete") { return roster }
        }
        if SuspendingClock().now > nextLook {
          nextLook = SuspendingClock().now + .seconds(1)
          awaited.set(try (0..<environment.worldSize).filter { try !place.exists("member/\($0)") })
          if let refusal = try refusal(of: own, in: place) {
            throw CollectiveError.missing(
              ranks: refusal.missing, worldSize: environment.worldSize, seconds: patience)
          }
        }
        usleep(20_000)
      }
      throw CollectiveError.missing(ranks: [0], worldSize: environment.worldSize, seconds: patience)
    }
  }

  // MARK: - When not all have come

  /// What rank 0 tells those who came, before it gives up.
  private struct Refusal: Codable {
    let missing: [Int]
    /// The numbers of the processes that it is for, since the store may outlive this start.
    let present: [String]
  }

  private func refuse(_ refusal: Refusal, in place: Store) throws {
    try place.set("refusal", to: Array(JSONEncoder().encode(refusal)))
    // The store ends with this process; the others look at it once a second.
    if hostsStore { usleep(2_000_000) }
  }

  private func refusal(of own: Member, in place: Store) throws -> Refusal? {
    guard let bytes = try place.find("refusal"),
      let refusal = try? JSONDecoder().decode(Refusal.self, from: Data(bytes)), refusal.present.contains(own.nonce)
    else { return nil }
    return refusal
  }
}

extension Roster {
  /// A name that no other roster has, since it is made of numbers that are used once.
  fileprivate var key: String { members.map { String($0.nonce.prefix(8)) }.joined(separator: ".") }
}
