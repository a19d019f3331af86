import Collectives
import Foundation
import Launcher
import Testing
import Torch

import struct Collectives.Member

@Suite("How the processes of a job find each other")
struct RendezvousTests {
  private static func meet(
    _ member: Member, of size: Int, in store: Store, restart: Int = 0, patience: Int = 20, log: Log = Log()
  ) throws -> Roster {
    let rendezvous = Rendezvous(
      environment: place(rank: member.rank, of: size, restart: restart), waits: waits(log), logger: log.logger,
      patience: patience)
    return try rendezvous.meet(member, in: store.reconnected()).roster
  }

  /// All ranks meet, as processes that were not there before.
  ///
  /// - Returns: the roster, which all have
  @discardableResult
  private func meetAll(_ size: Int, in store: Store, restart: Int = 0, delays: [Int] = []) async throws -> Roster {
    let members = (0..<size).map(member)
    let rosters = try await asRanks(size, delays: delays) { rank in
      try Self.meet(members[rank], of: size, in: store, restart: restart)
    }.map { try $0.get() }
    for roster in rosters { #expect(roster.members == members) }
    return rosters[0]
  }

  @Test(
    "In whatever order they come, all have one roster, by rank",
    arguments: [[0, 0, 0], [0, 60, 120], [120, 60, 0], [60, 120, 0], [120, 0, 60]])
  func order(delays: [Int]) async throws {
    let (store, _) = try hostedStore()
    let roster = try await meetAll(3, in: store, delays: delays)
    #expect(roster.worldSize == 3)
    #expect(roster.isOnOneMachine)
  }

  @Test("In a store that is full of an earlier start's keys they find each other, not the dead", arguments: [0, 1, 2])
  func staleKeys(first: Int) async throws {
    let (store, _) = try hostedStore()
    try await meetAll(3, in: store)
    // Started again with the same restart count, as some starters do; one rank long before the others.
    var delays = [200, 200, 200]
    delays[first] = 0
    try await meetAll(3, in: store, delays: delays)
    try await meetAll(3, in: store, delays: delays.reversed())
  }

  @Test("Each attempt has its own keys")
  func attempts() async throws {
    let (store, _) = try hostedStore()
    for restart in 0..<4 { try await meetAll(2, in: store, restart: restart, delays: [restart * 20, 30]) }
  }

  @Test("A process that died after its first entry is replaced by its successor")
  func replaced() async throws {
    let (store, _) = try hostedStore()
    let place = try store.prefixed("minimind-dpo/test/0")
    let dead = member(1)
    try place.set("member/1", to: Array(JSONEncoder().encode(dead)))
    // For a while rank 0 sees only the dead process.
    let roster = try await meetAll(2, in: store, delays: [0, 300])
    #expect(!roster.members.contains(dead))
  }

  @Test("A rank that does not come is named on all ranks that did")
  func missing() async throws {
    let (store, _) = try hostedStore()
    let members = (0..<2).map(member)
    let results = await asRanks(2) { rank in try Self.meet(members[rank], of: 3, in: store, patience: 1) }
    for result in results {
      #expect(throws: CollectiveError.missing(ranks: [2], worldSize: 3, seconds: 1)) { try result.get() }
    }
  }

  @Test("A wait of some seconds is reported on every rank: for whom, and for how long")
  func reported() async throws {
    let (store, _) = try hostedStore()
    let members = (0..<2).map(member)
    let logs = [Log(), Log()]
    _ = await asRanks(2) { rank in
      try Self.meet(members[rank], of: 4, in: store, patience: 7, log: logs[rank])
    }
    for log in logs { #expect(log.text.contains("notice: waiting for ranks 2, 3 of 4, 4 s so far"), "\(log.text)") }
  }

  @Test("Of processes that share a console, one reports the wait")
  func reportedOnce() async throws {
    let (store, _) = try hostedStore()
    let members = (0..<2).map(member)
    let log = Log()
    let job = UUID().uuidString
    _ = await asRanks(2) { rank in
      var environment = place(rank: rank, of: 3)
      environment.jobIdentity = job
      let reports = WaitReports(log.logger, turn: ConsoleTurn(environment))
      let rendezvous = Rendezvous(environment: environment, waits: reports, logger: log.logger, patience: 6)
      return try rendezvous.meet(members[rank], in: store.reconnected()).roster
    }
    #expect(log.text.components(separatedBy: "waiting for rank 2 of 3").count == 2, "\(log.text)")
  }

  @Test("An unreachable store is reported with its place and the outcome of the latest attempt")
  func storeReported() throws {
    let log = Log()
    var environment = place(rank: 1, of: 2, port: 9)
    environment.masterAddress = "no-such-host.invalid"
    environment.usesAgentStore = false
    let rendezvous = Rendezvous(environment: environment, waits: waits(log), logger: log.logger, patience: 6)
    #expect(throws: CollectiveError.self) { _ = try rendezvous.store() }
    let words = "notice: waiting for rank 0 at no-such-host.invalid:9 (MASTER_ADDR and MASTER_PORT; the name"
    #expect(log.text.contains(words), "\(log.text)")
  }

  @Test("A store that ends during the meeting is an error of its own, not the network library's")
  func storeLost() async throws {
    var hosted: (store: Store, port: Int)? = try hostedStore()
    let port = try #require(hosted?.port)
    let connected = try Store.connecting(to: "127.0.0.1", port: port)
    Thread.detachNewThread { [store = hosted?.store] in
      usleep(500_000)
      withExtendedLifetime(store) {}
    }
    hosted = nil
    var environment = place(rank: 1, of: 2)
    environment.usesAgentStore = false
    let rendezvous = Rendezvous(environment: environment, waits: waits(Log()), logger: Log().logger, patience: 20)
    let result = await asRanks(1) { _ in try rendezvous.meet(member(1), in: connected).roster }[0]
    #expect(throws: CollectiveError.storeLost(byLauncher: false)) { try result.get() }
  }

  @Test("The part of the store that they go on in holds nothing of an earlier meeting")
  func freshPart() async throws {
    let (store, _) = try hostedStore()
    for _ in 0..<2 {
      let members = (0..<2).map(member)
      let found = try await asRanks(2) { rank -> Bool in
        let rendezvous = Rendezvous(
          environment: place(rank: rank, of: 2), waits: waits(Log()), logger: Log().logger, patience: 20)
        let part = try rendezvous.meet(members[rank], in: store.reconnected()).store
        defer { try? part.set("left by \(rank)", to: [1]) }
        return try part.exists("left by \(rank)")
      }.map { try $0.get() }
      #expect(found == [false, false])
    }
  }
}
