import Collectives
import Foundation
import Launcher
import Testing
import Torch

import struct Collectives.Member

@Suite("How the processes of a job find each other")
struct RendezvousTests {
  private static func meet(
    _ member: Member, of size: Int, in store: Store, restart: Int = 0, patience: Int = 20
  ) throws -> Roster {
    let rendezvous = Rendezvous(
      environment: place(rank: member.rank, of: size, restart: restart), logger: Log().logger, patience: patience)
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
    #expect(roster.isOnOneMachine && roster.machineCount == 1)
  }

  @Test("In a store that is full of an earlier start's keys they find each other, not the dead", arguments: [0, 1, 2])
  func staleKeys(first: Int) async throws {
    let (store, _) = try hostedStore()
    try await meetAll(3, in: store)
    // Started anew without a new number, as a starter that counts no restarts does; one rank long before the others.
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

  @Test("A process that died behind its first word is replaced by the one that came after it")
  func replaced() async throws {
    let (store, _) = try hostedStore()
    let place = try store.prefixed("minimind-dpo/test/0")
    let dead = member(1)
    try place.set("member/1", to: Array(JSONEncoder().encode(dead)))
    // Rank 0 is there for a while with nobody but the dead.
    let roster = try await meetAll(2, in: store, delays: [0, 300])
    #expect(!roster.members.contains(dead))
  }

  @Test("Who does not come is named, by rank 0 and by the others")
  func missing() async throws {
    let (store, _) = try hostedStore()
    let members = (0..<2).map(member)
    let results = await asRanks(2) { rank in try Self.meet(members[rank], of: 3, in: store, patience: 1) }
    #expect(throws: CollectiveError.missing(ranks: [2], worldSize: 3, seconds: 1)) { try results[0].get() }
    #expect(throws: CollectiveError.missing(ranks: [0], worldSize: 3, seconds: 1)) { try results[1].get() }
  }

  @Test("The part of the store that they go on in holds nothing of an earlier meeting")
  func freshPart() async throws {
    let (store, _) = try hostedStore()
    for _ in 0..<2 {
      let members = (0..<2).map(member)
      let found = try await asRanks(2) { rank -> Bool in
        let rendezvous = Rendezvous(environment: place(rank: rank, of: 2), logger: Log().logger, patience: 20)
        let part = try rendezvous.meet(members[rank], in: store.reconnected()).store
        defer { try? part.set("left behind by \(rank)", to: [1]) }
        return try part.exists("left behind by \(rank)")
      }.map { try $0.get() }
      #expect(found == [false, false])
    }
  }
}
