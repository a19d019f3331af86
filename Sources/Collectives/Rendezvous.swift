import Files
import Foundation
import Launcher
import Logging
import Torch

/// How the processes of a job find each other: a store that all of them reach, and in it a roster of who is there.
package struct Rendezvous: Sendable {
  private let environment: WorkerEnvironment
  private let logger: Logger
  private let patience: Int

  /// - Parameters:
  ///   - environment: who this process is, and where they meet
  ///   - patience: how many seconds the others may take to come
  package init(environment: WorkerEnvironment, logger: Logger, patience: Int) {
    (self.environment, self.logger, self.patience) = (environment, logger, patience)
  }

  /// The store, hosted by the starter, by rank 0, or found through a file.
  func store() throws -> Store {
    guard let host = environment.masterAddress, let port = environment.masterPort else { return try storeOnOneHost() }
    if environment.rank == 0, !environment.usesAgentStore {
      guard let socket = try ListeningSocket.everywhere(port: port) else {
        throw CollectiveError.portTaken(port: port, reason: "\(PortOwner.describe(port: port)) has it")
      }
      logger.debug("rank 0 hosts the store at port \(port)")
      return try Store.hosting(port: port, listening: socket.descriptor)
    }
    let address = try NetworkRoute.listeningAddress(of: host, port: port, seconds: patience) {
      logger.debug("reaching the store: \($0)")
    }
    return try Store.connecting(to: address, port: port)
  }

  /// Where the starter names no meeting place, rank 0 listens on a free port and leaves its number in a file.
  private func storeOnOneHost() throws -> Store {
    let file = portFile
    if environment.rank == 0 {
      let socket = try ListeningSocket.local()
      let store = try Store.hosting(port: socket.port, listening: socket.descriptor)
      // The process id tells a file that an earlier job has left behind.
      try writeAtomically("\(socket.port) \(getpid())".utf8, to: file)
      logger.debug("rank 0 hosts the store at port \(socket.port), as \(file.path) says")
      return store
    }
    let deadline = SuspendingClock().now + .seconds(patience)
    while SuspendingClock().now < deadline {
      let numbers = (try? String(contentsOf: file, encoding: .utf8))?.split(separator: " ").compactMap { Int($0) } ?? []
      if numbers.count == 2, kill(pid_t(numbers[1]), 0) == 0,
        let store = try? Store.connecting(to: "127.0.0.1", port: numbers[0], timeout: .seconds(5))
      {
        return store
      }
      usleep(50_000)
    }
    throw CollectiveError.missing(ranks: [0], worldSize: environment.worldSize, seconds: patience)
  }

  private var portFile: URL {
    let name = environment.jobIdentity.map { $0.isLetter || $0.isNumber ? String($0) : "-" }.joined()
    return FileManager.default.temporaryDirectory.appendingPathComponent("minimind-dpo-\(getuid())-\(name).port")
  }

  /// Once all have met, nobody needs the file any more.
  func removePortFile() {
    guard environment.rank == 0, environment.masterAddress == nil else { return }
    try? FileManager.default.removeItem(at: portFile)
  }

  /// Who is there, and a part of the store that holds nothing of any earlier meeting.
  ///
  /// The store may be older than this start of the job and hold keys of processes that are dead. So each rank writes a
  /// number that nobody had before; rank 0 publishes the roster that it read; and only when every rank has found its own
  /// number in one and the same roster do they go on, in a part of the store named after that roster.
  package func meet(_ own: Member, in store: Store) throws -> (roster: Roster, store: Store) {
    let place = try store.prefixed("minimind-dpo/\(environment.runID)/\(environment.restartCount)")
    try place.set("member/\(own.rank)", to: Array(JSONEncoder().encode(own)))
    let roster = try own.rank == 0 ? publishRoster(in: place) : awaitRoster(with: own, in: place)
    return (roster, try place.prefixed(roster.key))
  }

  private func publishRoster(in place: Store) throws -> Roster {
    let started = SuspendingClock().now
    var reported = started
    while true {
      var members: [Member?] = []
      for rank in 0..<environment.worldSize {
        members.append(try place.find("member/\(rank)").map { try JSONDecoder().decode(Member.self, from: Data($0)) })
      }
      let roster = Roster(members: members.compactMap(\.self))
      var missing = members.indices.filter { members[$0] == nil }
      if missing.isEmpty {
        try place.set("roster", to: Array(JSONEncoder().encode(roster)))
        // Whoever does not confirm this roster is not the process that the entry is of.
        missing = try (1..<max(1, roster.worldSize)).filter { try !place.exists("\(roster.key)/confirmed/\($0)") }
        if missing.isEmpty {
          try place.set("\(roster.key)/complete", to: [1])
          return roster
        }
      }
      let now = SuspendingClock().now
      guard now - started < .seconds(patience) else {
        throw CollectiveError.missing(ranks: missing, worldSize: environment.worldSize, seconds: patience)
      }
      if now - reported > .seconds(10) {
        reported = now
        logger.info("waiting for ranks \(missing.map(String.init).joined(separator: ", ")) of \(environment.worldSize)")
      }
      usleep(20_000)
    }
  }

  private func awaitRoster(with own: Member, in place: Store) throws -> Roster {
    let deadline = SuspendingClock().now + .seconds(patience)
    var confirmed: Roster?
    while SuspendingClock().now < deadline {
      if let bytes = try place.find("roster"),
        let roster = try? JSONDecoder().decode(Roster.self, from: Data(bytes)),
        roster.worldSize == environment.worldSize, roster.members[own.rank] == own
      {
        if roster != confirmed { try place.set("\(roster.key)/confirmed/\(own.rank)", to: [1]) }
        confirmed = roster
        if try place.exists("\(roster.key)/complete") { return roster }
      }
      usleep(20_000)
    }
    throw CollectiveError.missing(ranks: [0], worldSize: environment.worldSize, seconds: patience)
  }
}

extension Roster {
  /// A name that no other roster has, for it is made of numbers that are used once.
  fileprivate var key: String { members.map { String($0.nonce.prefix(8)) }.joined(separator: ".") }
}
