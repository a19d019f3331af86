import Foundation
import Launcher
import Logging
import Torch

/// This process's connection to the others of its job.
public final class Communicator {
  /// Who this process is.
  public let environment: WorkerEnvironment
  /// Who all of them are.
  public let roster: Roster
  /// Carries numbers and tensors between the hosts, by Gloo.
  public let group: ProcessGroup
  /// The network device that it uses, for messages.
  public let route: ProcessGroup.Route

  private let store: Store
  private let timeout: Duration
  private let heartbeat: Heartbeat
  private let logger: Logger
  private let waits: WaitReports

  /// Meets the other processes.
  ///
  /// - Parameters:
  ///   - device: what this process computes on, for people; different on one machine where devices are
  ///   - timeout: how long a collective operation may take
  ///   - patience: how many seconds the others may take to come
  ///   - turn: decides which process of a host says what all of them wait for
  ///   - state: asked, from another thread, what this process is doing
  ///   - lost: called, on another thread, when the others are gone for good; ends the process
  /// - Throws: `CollectiveError`, `TorchError`
  public init(
    _ environment: WorkerEnvironment, device: String, program: String, timeout: Duration, patience: Int = 300,
    logger: Logger, turn: ConsoleTurn, state: @escaping @Sendable () -> Heartbeat.State,
    lost: @escaping @Sendable (Heartbeat.Loss) -> Void
  ) throws {
    self.environment = environment
    self.logger = logger
    self.timeout = timeout
    waits = WaitReports(logger, turn: turn)
    let rendezvous = Rendezvous(environment: environment, waits: waits, logger: logger, patience: patience)
    let shared = try rendezvous.store()
    let address = environment.masterAddress.flatMap {
      NetworkRoute.localAddress(towards: $0, port: environment.masterPort ?? 0)
    }
    let own = Member.current(
      environment, device: device, threads: Runtime.threadCount, program: program, address: address)
    (roster, store) = try rendezvous.meet(own, in: shared)
    rendezvous.removePortFile()
    // First, so that a rank that ends while the connections are made is noticed.
    heartbeat = Heartbeat(
      store: try store.reconnected().prefixed("heartbeat"), roster: roster, rank: own.rank,
      storeIsOnFirst: !environment.usesAgentStore, logger: logger, state: state, lost: lost)
    do {
      let route = try Self.route(of: own, in: roster)
      self.route = route
      logger.debug("collectives go over \(route)")
      let gloo = try store.prefixed("gloo")
      let worldSize = roster.worldSize
      group = try waits.during {
        "connections between the \(worldSize) ranks over \(route)"
      } body: {
        try ProcessGroup(gloo: gloo, rank: own.rank, size: worldSize, route: route, timeout: timeout)
      }
    } catch {
      heartbeat.stop()
      throw error
    }
  }

  /// The network device: the one that the user names (`GLOO_SOCKET_IFNAME`), the loopback interface on one machine, else
  /// the one that leads to the others. Never the one that the host's own name resolves to, which is often 127.0.0.1.
  private static func route(of own: Member, in roster: Roster) throws(CollectiveError) -> ProcessGroup.Route {
    if let name = ProcessInfo.processInfo.environment["GLOO_SOCKET_IFNAME"], !name.isEmpty {
      guard if_nametoindex(name) != 0 else {
        throw .system("GLOO_SOCKET_IFNAME is \"\(name)\", but this host has no such network interface (see ip address)")
      }
      return .interface(name)
    }
    if roster.isOnOneMachine { return .address("127.0.0.1") }
    if let address = own.address, !NetworkRoute.isLoopback(address) { return .address(address) }
    // The store is on this machine, by a name that resolves to loopback: use the route to the other hosts instead.
    let others = roster.members.filter { $0.machine != own.machine }.compactMap(\.address)
    for other in others where !NetworkRoute.isLoopback(other) {
      if let address = NetworkRoute.localAddress(towards: other, port: 9) { return .address(address) }
    }
    return .address(own.address ?? "127.0.0.1")
  }

  deinit { heartbeat.stop() }

  /// This process.
  public var rank: Int { environment.rank }
  /// The number of processes.
  public var worldSize: Int { roster.worldSize }

  /// Connects the GPUs of all ranks by NCCL. Every rank calls this, on the stream and the device that it trains on.
  ///
  /// - Throws: `CollectiveError` where two ranks are on one GPU, which NCCL cannot do; `TorchError`
  public func connectGPUs() throws -> ProcessGroup {
    var users: [String: Int] = [:]
    for member in roster.members {
      let gpu = "\(member.machine) \(member.device)"
      if let other = users.updateValue(member.rank, forKey: gpu) {
        throw CollectiveError.system(
          """
          ranks \(other) and \(member.rank) are both on \(member.device) of \(member.host), and NCCL needs one for each rank. \
          Start one process per GPU, or let them share it with --backend gloo (slower than one process).
          """)
      }
    }
    let size = worldSize
    return try waits.during {
      "connections between the GPUs of \(size) ranks (NCCL)"
    } body: {
      try ProcessGroup(nccl: store.prefixed("nccl"), rank: rank, size: size, timeout: timeout)
    }
  }

  /// Waits until all ranks have come here, and checks that they agree.
  ///
  /// There is no limit to the wait while the others are alive: one may still be tokenizing.
  ///
  /// - Parameters:
  ///   - facts: what must be equal everywhere, by name
  ///   - subject: names this meeting; each name may be used once
  /// - Throws: `CollectiveError.disagreement` on every rank
  public func requireAgreement(on facts: [String: String], about subject: String) throws {
    let place = try store.prefixed("agreement/\(subject)")
    try place.set("\(rank)", to: Array(JSONEncoder().encode(facts)))
    var differences: [String] = []
    var first: [String: String] = [:]
    for member in roster.members {
      let bytes = try value(of: member, "\(member.rank)", in: place)
      let told = try JSONDecoder().decode([String: String].self, from: Data(bytes))
      if member.rank == 0 { first = told }
      for name in Set(first.keys).union(told.keys).sorted() where first[name] != told[name] {
        differences.append(
          "\(name): \(first[name] ?? "not set") on rank 0, \(told[name] ?? "not set") on \(member.name)")
      }
    }
    // No rank leaves before all have read: rank 0 may host the store.
    try waits.during {
      "all ranks to compare how they were started"
    } body: {
      try group.barrier()
    }
    if !differences.isEmpty { throw CollectiveError.disagreement(differences) }
  }

  /// The text of rank 0, on every rank.
  ///
  /// - Parameters:
  ///   - text: of rank 0; the others' is ignored
  ///   - subject: names what it is about; each name may be used once
  /// - Throws: `TorchError` when the store is gone
  public func fromFirst(_ text: String, about subject: String) throws -> String {
    let place = try store.prefixed("from-first")
    if rank == 0 { try place.set(subject, to: Array(text.utf8)) }
    return try String(decoding: value(of: roster.members[0], subject, in: place), as: UTF8.self)
  }

  /// The texts of all ranks in their order, on rank 0; nothing on the others, which need not wait for it.
  ///
  /// There is no limit to the wait while the others are alive.
  ///
  /// - Parameter subject: names what it is about; each name may be used once
  /// - Throws: `TorchError` when the store is gone
  public func toFirst(_ text: String, about subject: String) throws -> [String] {
    let place = try store.prefixed("to-first/\(subject)")
    // The store refuses values of more than 8 MiB.
    let pieces = Array(text.utf8).chunks(of: 1 << 20)
    for (number, piece) in pieces.enumerated() { try place.set("\(rank)/\(number)", to: piece) }
    try place.set("\(rank)", to: Array("\(pieces.count)".utf8))
    guard rank == 0 else { return [] }
    return try roster.members.map { member in
      let count = try Int(String(decoding: value(of: member, "\(member.rank)", in: place), as: UTF8.self)) ?? 0
      let bytes = try (0..<count).flatMap { try value(of: member, "\(member.rank)/\($0)", in: place) }
      return String(decoding: bytes, as: UTF8.self)
    }
  }

  private func value(of member: Member, _ key: String, in place: Store) throws -> [UInt8] {
    if let bytes = try place.find(key) { return bytes }
    return try waits.during { [heartbeat] in
      "\(member.name), which is \(heartbeat.activity(of: member.rank) ?? "silent")"
    } body: {
      while true {
        if let bytes = try place.find(key) { return bytes }
        usleep(20_000)
      }
    }
  }

  // MARK: - The end

  /// Tells the others that this process ends with an error, so that they can print it.
  ///
  /// - Returns: whether this process is to print it: false where a lower rank prints the same in the same place
  public func fail(_ message: String) -> Bool { heartbeat.fail(message) }

  /// Whether this process speaks for all that share its console, those besides `gone`.
  public func speaks(besides gone: [Member] = []) -> Bool { roster.speaks(rank, besides: Set(gone.map(\.rank))) }

  /// After a failure of communication: which ranks are gone, if that shows within some seconds.
  public func missingPeers() -> [Member] { heartbeat.missingPeers() }

  /// Asks, from any thread, what every rank is doing, for how long, and since when nothing was heard of it, in seconds; in
  /// their order.
  public var activities: @Sendable () -> [(rank: Int, state: Heartbeat.State, seconds: Double, silence: Double)] {
    { [heartbeat] in heartbeat.activities() }
  }

  /// Leaves the job when all ranks have come to its end.
  ///
  /// - Throws: `TorchError` when another rank fails before
  public func leave() throws(TorchError) {
    // Until all are there, it must be noticed when one of them falls silent.
    heartbeat.leave()
    try waits.during { [heartbeat] in
      let names = heartbeat.staying().map { "\($0.name), which is \(heartbeat.activity(of: $0.rank) ?? "silent")" }
      return names.isEmpty ? "the other ranks to leave" : names.joined(separator: "; ")
    } body: { () throws(TorchError) in
      try group.barrier()
    }
    heartbeat.stop()
  }
}

extension [UInt8] {
  /// Consecutive parts of a length, of which the last may be shorter.
  fileprivate func chunks(of length: Int) -> [[UInt8]] {
    stride(from: 0, to: count, by: length).map { Array(self[$0..<Swift.min(count, $0 + length)]) }
  }
}
