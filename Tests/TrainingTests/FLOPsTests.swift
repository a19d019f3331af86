import MiniMind
import OrderedJSON
import Preferences
import Testing
import Training

@Suite("FLOPs")
struct FLOPsTests {
  /// MiniMind-3: 58,982,400 matrix weights in its layers and 4,915,200 in its head, 8 heads of size 96.
  let configuration = Result {
    try ModelConfiguration(
      [
        "model_type": "qwen3", "vocab_size": 6400, "hidden_size": 768, "intermediate_size": 2432,
        "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 96,
        "tie_word_embeddings": true,
      ])
  }

  @Test("A forward pass costs two operations per weight and token, and four per head dimension and attended pair")
  func forward() throws {
    // Prefix 3, tails 2 and 1 in ids; the last token of each side is no input: 3 + 1 + 0 inputs, 3 predictions.
    let pair = TokenizedPair(
      index: 0, chosenIDs: [1, 2, 3, 4, 5], rejectedIDs: [1, 2, 3, 6],
      chosenTargets: [false, false, false, true, true], rejectedTargets: [false, false, false, true], sharedPrefix: 3)
    let attended = 6.0 + 1 + 3  // three causal tokens, the tail's own, and the tail's view of the prefix
    let expected = 2 * 58_982_400.0 * 4 + 2 * 4_915_200.0 * 3 + 4 * 8 * 96 * 8 * attended
    let batch = TreeBatch([pair])
    #expect(try FLOPs.forward(batch, of: configuration.get()) == expected)
    #expect(try FLOPs.training(batch, of: configuration.get(), onlineReference: true) == 4 * expected)
    #expect(try FLOPs.training(batch, of: configuration.get(), onlineReference: false) == 3 * expected)
  }

  @Test("The measured rate of matrix products is a positive number")
  func peak() throws {
    let rate = try PeakRate.measure(of: configuration.get(), tokens: 64)
    #expect(rate > 0 && rate.isFinite)
  }
}
