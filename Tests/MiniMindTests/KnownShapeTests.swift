import Foundation
import MiniMind
import Testing
import Torch

/// What a bare weight file does not tell; the models are those of Tools/reference/models.py.
@Suite("Known shape")
struct KnownShapeTests {
  @Test("A file without QK-norm takes MiniMind's 8 heads unless their number is known")
  func headCount() throws {
    let scratch = try Scratch()
    let golden = try Golden("llama")  // 4 heads of size 12
    let file = scratch.file("weights.pth")
    try ModelFiles.writeTorchFile(golden.model(), to: file, dtype: .float32)
    var shape = KnownShape()
    shape.headCount = 4

    let model = try CausalLM.pretrained(file, shape: shape)

    #expect(model.configuration.headSize == 12)
    let expected = try golden.tensor("logits")
    let difference = try model.logits(of: golden.ids()).subtract(expected.reshape([-1, expected.size(-1)])).abs().max()
    #expect(try difference.item() < 1e-4)
    #expect(try CausalLM.pretrained(file).configuration.headCount == 8)
  }

  @Test("A file with scaled rotation gives the logits of MiniMind with its switch")
  func scaledRotation() throws {
    let scratch = try Scratch()
    let golden = try Golden("qwen3_yarn")
    let file = scratch.file("weights.pth")
    try ModelFiles.writeTorchFile(golden.model("config_minimind.json"), to: file, dtype: .float32)
    var shape = KnownShape()
    shape.scalesRotation = true

    let model = try CausalLM.pretrained(file, shape: shape)

    let expected = try golden.tensor("logits_minimind")
    let difference = try model.logits(of: golden.ids()).subtract(expected.reshape([-1, expected.size(-1)])).abs().max()
    #expect(try difference.item() < 1e-4)
  }

  @Test("A size that the weights do not have is refused, with both named")
  func contradiction() throws {
    var shape = KnownShape()
    shape.hiddenSize = 512
    let error = #expect(throws: ModelConfigurationError.self) {
      try CausalLM.pretrained(Golden("qwen3").folder, shape: shape)
    }
    #expect(error?.description.contains("hidden size is 64, but 512 was asked for") == true)
  }
}
