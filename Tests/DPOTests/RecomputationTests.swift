import DPO
import MiniMind
import Preferences
import Testing
import Torch

@Suite("Layers that run again in the backward pass")
struct RecomputationTests {
  @Test("Give the same loss and the same gradients, bit by bit", arguments: ["qwen3", "llama"], [1, 2, 3] as [UInt64])
  func sameBits(type: String, seed: UInt64) throws {
    let model = try randomModel(type, seed: seed)
    let batch = try DeviceBatch(TreeBatch(randomPairs(4, seed: seed)))
    var found: [(loss: [Double], gradient: [Float])] = []
    for recomputes in [false, true, true] {
      model.recomputesLayers = recomputes
      var loss: [Double] = []
      let gradient = try model.gradient {
        let scores = try model.sequenceLogProbabilities(batch)
        loss = try scores.detached().array(Double.self)
        return try scores.sum()
      }
      found.append((loss, try gradient.array(Float.self)))
    }
    for other in found[1...] {
      #expect(other.loss == found[0].loss)
      #expect(other.gradient == found[0].gradient)
    }
  }

  @Test("Frozen first layers do not keep later ones from learning")
  func frozenEmbedding() throws {
    let model = try randomModel(seed: 5)
    let batch = try DeviceBatch(TreeBatch(randomPairs(2, seed: 5)))
    model.recomputesLayers = true
    for (name, parameter) in model.namedParameters {
      try parameter.value.setRequiresGrad(name.contains("layers.0.mlp"))
    }
    try model.sequenceLogProbabilities(batch).sum().backward()
    for (name, parameter) in model.namedParameters {
      #expect(try (parameter.value.gradient() != nil) == name.contains("layers.0.mlp"), "\(name)")
    }
  }
}
