import Foundation
import OrderedJSON
import ProgramSupport
import Testing

extension BusyJobs {
  @Suite("Several processes train as one does")
  struct EqualityTests {
    let site: JobSite

    init() throws { site = try JobSite() }

    /// Two epochs of 31 pairs in steps of 12, 12 and 7: global batches are ranks × pairs × accumulation.
    private static func training(ranks: Int, output: String, _ more: [String] = []) -> [String] {
      let (pairs, accumulated) = [1: (12, 1), 2: (3, 2), 3: (2, 2), 4: (3, 1)][ranks] ?? (1, 1)
      return train(
        "--batch-size", "\(pairs)", "--accumulation-steps", "\(accumulated)", "--epochs", "2", "--logging-steps", "1",
        "--learning-rate", "1e-3", output: output) + more
    }

    @Test(
      "1, 2, 3 and 4 ranks have the losses and weights of one process within 1e-5, with and without ZeRO-1",
      arguments: [0, 1])
    func equal(zeroStage: Int) async throws {
      let workspace = site.workspace
      try await TinyModel.make(in: workspace)
      try workspace.write(Pairs.some(31), to: "pairs.jsonl")
      try await site.start(Self.training(ranks: 1, output: "alone")).succeeds()
      let (expected, curve) = (try workspace.weights("alone/model.safetensors"), try workspace.curve(of: "alone"))
      #expect(curve.count == 6)
      #expect(distance(expected, try workspace.weights("model/model.safetensors")) > 1e-2, "nothing was learned")
      for ranks in 1...4 {
        let output = "with-\(ranks)"
        let run = try await site.launch(
          Self.training(ranks: ranks, output: output, ["--zero-stage", "\(zeroStage)"]), ranks: ranks
        ).succeeds()
        let found = try workspace.curve(of: output)
        #expect(agree(found, curve), "\(ranks) ranks: \(found)")
        #expect(distance(try workspace.weights(output + "/model.safetensors"), expected) < 1e-5, "\(ranks) ranks")
        if ranks > 1 { #expect(run.messages.contains("distributed: \(ranks) processes on 1 host, back end gloo")) }
      }
    }

    @Test("A last step with fewer pairs than ranks counts them exactly, and no rank hangs")
    func fewerPairsThanRanks() async throws {
      let workspace = site.workspace
      try await TinyModel.make(in: workspace)
      try workspace.write(Pairs.some(25), to: "pairs.jsonl")
      try await site.start(Self.training(ranks: 1, output: "alone")).succeeds()
      try await site.launch(Self.training(ranks: 4, output: "out"), ranks: 4).succeeds()
      #expect(agree(try workspace.curve(), try workspace.curve(of: "alone")))
      #expect(
        distance(try workspace.weights(), try workspace.weights("alone/model.safetensors")) < 1e-5)
    }
  }
}
