import Collectives
import Foundation
import Testing
import Torch

@Suite("What the processes of a job tell each other")
struct CommunicatorTests {
  /// Runs a body as each rank of a job with a communicator.
  private func asJob<Value: Sendable>(
    _ size: Int, log: Log = Log(), timeout: Duration = .seconds(60), delays: [Int] = [],
    _ body: @escaping @Sendable (Communicator) throws -> Value
  ) async throws -> [Result<Value, any Error>] {
    let (store, port) = try hostedStore()
    defer { withExtendedLifetime(store) {} }
    return await asRanks(size) { rank in
      let communicator = try Communicator(
        place(rank: rank, of: size, port: port), device: "cpu", program: "test", timeout: timeout, patience: 30,
        logger: log.logger, turn: turn(), state: { Heartbeat.State(phase: "preparing data", step: 0) }, lost: { _ in })
      if rank < delays.count { usleep(UInt32(delays[rank] * 1000)) }
      defer { try? communicator.leave() }
      return try body(communicator)
    }
  }

  @Test("Equal facts are agreed on")
  func agree() async throws {
    let results = try await asJob(3) { try $0.requireAgreement(on: ["seed": "42", "data": "a1b2"], about: "inputs") }
    for result in results { try result.get() }
  }

  @Test("Differences are thrown on all ranks, each with both values and who has which")
  func disagree() async throws {
    let results = try await asJob(3) { communicator in
      var facts = ["seed": "42", "data": "a1b2"]
      if communicator.rank == 1 { facts["seed"] = "43" }
      if communicator.rank == 2 { facts["data"] = nil }
      try communicator.requireAgreement(on: facts, about: "inputs")
    }
    for result in results {
      let error = #expect(throws: CollectiveError.self) { try result.get() }
      guard case .disagreement(let differences)? = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(differences.count == 2, "\(differences)")
      #expect(differences[0].hasPrefix("seed: 42 on rank 0, 43 on rank 1 ("))
      #expect(differences[1].hasPrefix("data: a1b2 on rank 0, not set on rank 2 ("))
    }
  }

  @Test("A rank may take longer than a collective operation; each subject is a meeting of its own")
  func patience() async throws {
    let results = try await asJob(2, timeout: .seconds(20), delays: [0, 23_000]) { communicator in
      try communicator.requireAgreement(on: ["a": "1"], about: "first")
      try communicator.requireAgreement(on: ["b": "2"], about: "second")
    }
    for result in results { try result.get() }
  }

  @Test("What rank 0 says reaches all ranks")
  func fromFirst() async throws {
    let results = try await asJob(3) { communicator in
      try communicator.fromFirst("rank \(communicator.rank)", about: "who") + ", "
        + communicator.fromFirst("\(communicator.rank * 2)", about: "what")
    }
    for result in results { #expect(try result.get() == "rank 0, 0") }
  }
}
