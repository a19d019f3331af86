import Foundation
import ProgramSupport
import Testing

extension BusyJobs {
  @Suite("Jobs that are started again")
  struct RestartTests {
    /// How often a rank is killed; MINIMIND_DPO_SOAK raises it.
    private static let count = ProcessInfo.processInfo.environment["MINIMIND_DPO_SOAK"].flatMap { Int($0) } ?? 20

    private static func training(in site: JobSite, output: String) -> [String] {
      train(
        "--batch-size", "6", "--max-steps", "40", "--save-steps", "4", "--logging-steps", "1", "--learning-rate",
        "1e-3",
        model: site.workspace.path("model"), data: Checkout.demo("train.jsonl"), output: output)
    }

    @Test("A rank killed at any moment: with --max-restarts 1 the job goes on by itself and ends with the same bits")
    func restarts() async throws {
      let first = try JobSite()
      try await TinyModel.make(in: first.workspace)
      let clock = ContinuousClock()
      let started = clock.now
      try await first.launch(Self.training(in: first, output: "out")).succeeds()
      let duration = clock.now - started
      let (weights, curve) = (try first.workspace.bytes("out/model.safetensors"), try first.workspace.curve())

      // Several at once: most of the time they wait to be sure of who is gone.
      let turns = Turns(4)
      let restarted = try await withThrowingTaskGroup(of: Bool.self) { group in
        for _ in 0..<Self.count {
          group.addTask {
            await turns.take()
            let result = await Result { try await Self.run(killedWithin: duration, like: first, weights, curve) }
            await turns.giveBack()
            return try result.get()
          }
        }
        return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      // Some come too late.
      #expect(restarted > Self.count / 3, "\(restarted) of \(Self.count) jobs had to be started again")
    }

    /// - Returns: whether the job had to be started again
    private static func run(
      killedWithin duration: Duration, like first: JobSite, _ weights: Data, _ curve: [[Double]]
    ) async throws -> Bool {
      let site = try JobSite()
      let rank = Int.random(in: 0..<2)
      let delay = duration * Double.random(in: 0..<1)
      let job = try await site.launch(training(in: first, output: "out"), options: ["--max-restarts", "1"])
      let victim = try await site.process(ofRank: rank)
      try await Task.sleep(for: delay)
      kill(victim, SIGKILL)
      let outcome = try await job.outcome()
      let story = "rank \(rank) killed after \(delay):\n\(outcome.messages)"
      #expect(outcome.code == 0, "\(story)")
      #expect(try site.workspace.bytes("out/model.safetensors") == weights, "\(story)")
      #expect(try site.workspace.curve() == curve, "\(story)")
      #expect(!site.workspace.names(in: "out").contains { $0.contains("partial") }, "\(story)")
      let isRestarted = outcome.messages.contains("starting all workers again (restart 1 of 1)")
      if isRestarted {
        #expect(outcome.messages.contains("launch: rank \(rank) failed first"), "\(story)")
        #expect(outcome.messages.contains("killed by SIGKILL"), "\(story)")
      }
      return isRestarted
    }

    @Test("A failure that would come again is not tried again")
    func deterministic() async throws {
      let site = try JobSite()
      let job = try await site.launch(train(model: "nowhere"), options: ["--max-restarts", "3"])
      let outcome = try await job.outcome()
      expect(outcome, code: 66, says: "nowhere")
      #expect(!outcome.messages.contains("starting all workers again"))
    }
  }
}

extension Result where Failure == any Error {
  /// What a body returns or throws.
  fileprivate init(_ body: () async throws -> Success) async {
    do { self = .success(try await body()) } catch { self = .failure(error) }
  }
}
