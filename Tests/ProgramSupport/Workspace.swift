import Foundation
import OrderedJSON
import Testing

/// A folder of its own for a test, removed with it, and the input files that tests write there.
package final class Workspace: Sendable {
  package let url: URL

  package init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("minimind-dpo-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  package func path(_ name: String) -> String { url.appendingPathComponent(name).path }

  package func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

  package func bytes(_ name: String) throws -> Data { try Data(contentsOf: url.appendingPathComponent(name)) }

  package func text(_ name: String) throws -> String { String(decoding: try bytes(name), as: UTF8.self) }

  package func json(_ name: String) throws -> JSON { try JSON(parsing: bytes(name)) }

  package func lines(_ name: String) throws -> [JSON] { try jsonLines(text(name)) }

  /// What a folder holds, hidden files too, but for what the program keeps between runs; nothing where there is no folder.
  package func names(in folder: String = "") -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path(folder))) ?? []).filter { $0 != ".cache" }.sorted()
  }

  package func write(_ data: Data, to name: String) throws { try data.write(to: url.appendingPathComponent(name)) }

  package func write(_ text: String, to name: String) throws { try write(Data(text.utf8), to: name) }

  /// A preference file of the pairs, a line each.
  package func write(_ pairs: [JSON], to name: String) throws {
    try write(pairs.map { $0.serialized() + "\n" }.joined(), to: name)
  }
}

package func jsonLines(_ text: String) throws -> [JSON] {
  try text.split(separator: "\n").map { try JSON(parsing: String($0)) }
}

/// Files of the checkout: the one that the environment variable MINIMIND_CHECKOUT names, else that in which the tests were
/// built.
package enum Checkout {
  package static let root =
    ProcessInfo.processInfo.environment["MINIMIND_CHECKOUT"].map { URL(fileURLWithPath: $0) }
    ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  /// The model (a million parameters), tokenizer and pairs of `demo`.
  package static let demo = root.appendingPathComponent("Demo").path
  package static func demo(_ name: String) -> String { demo + "/" + name }
  /// A weight file that Tools/reference/checkpoints.py made.
  package static func torchGolden(_ name: String) -> String { root.path + "/Tests/CheckpointsTests/Goldens/" + name }
}

/// Pairs as small as they can be.
package enum Pairs {
  package static func message(_ role: String, _ content: JSON) -> JSON { ["role": .string(role), "content": content] }

  package static func pair(_ question: String, _ chosen: String, _ rejected: String) -> JSON {
    let asked = message("user", .string(question))
    return [
      "chosen": [asked, message("assistant", .string(chosen))],
      "rejected": [asked, message("assistant", .string(rejected))],
    ]
  }

  /// Pairs that differ from one another.
  package static func some(_ count: Int) -> [JSON] {
    (1...count).map { pair("How much is \($0) plus 2?", "Of course! It is \($0 + 2).", "Figure it out, number \($0).") }
  }
}

/// A model of 18 thousand parameters for the demo's tokenizer, made once by the program itself.
package enum TinyModel {
  /// `config.json` of such a model.
  package static func configuration(hidden: Int = 16, vocabulary: Int = 1536) -> JSON {
    [
      "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "vocab_size": .integer(vocabulary),
      "hidden_size": .integer(hidden), "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
      "num_key_value_heads": 1, "head_dim": 8, "hidden_act": "silu", "max_position_embeddings": 1024,
      "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "tie_word_embeddings": true, "attention_bias": false,
      "bos_token_id": 0, "eos_token_id": 2,
    ]
  }

  /// Makes `model`, a folder with the demo's tokenizer, in a workspace.
  package static func make(in workspace: Workspace, named name: String = "model", vocabulary: Int = 1536) async throws {
    try workspace.write(configuration(vocabulary: vocabulary).serialized(), to: name + ".json")
    try await Program.succeed(
      ["init", "--model-config", name + ".json", "--tokenizer", Checkout.demo, "--to", name], in: workspace)
  }
}

/// The arguments of a training run on `model` and `pairs.jsonl` into `out`; further ones come after them and win.
package func train(_ more: String..., model: String = "model", data: String = "pairs.jsonl", output: String = "out")
  -> [String]
{
  ["train", "--model", model, "--train-data", data, "--output-dir", output] + more
}

/// Checks an exit code, and that the message has the words that its reader needs.
package func expect(
  _ outcome: Program.Outcome, code: Int32, says words: String..., sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(outcome.code == code, "\(outcome.messages)", sourceLocation: sourceLocation)
  for word in words {
    #expect(outcome.messages.contains(word), "\(word) ∉ \(outcome.messages)", sourceLocation: sourceLocation)
  }
}
