import ArgumentParser
import Foundation
import Serving

/// The models of a server, by name.
struct ServedModelArguments: ParsableArguments {
  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      """
      A model: a Hugging Face folder, or a MiniMind weight file. Several may be given. Requests call it NAME, or else as the \
      folder or file is called. (default: the newest out/dpo_*.pth of a MiniMind checkout)
      """, valueName: "NAME=path"))
  var model: [String] = []

  @Option(
    help: ArgumentHelp(
      "The folder with tokenizer.json and tokenizer_config.json; without, each model's own folder.",
      valueName: "folder"))
  var tokenizer: String?

  /// Names and paths as they were given.
  ///
  /// - Throws: `ValidationError` for two of one name
  func named() throws -> [(name: String, path: String)] {
    let models = model.map(Self.named)
    for (index, model) in models.enumerated() {
      guard !model.name.isEmpty, !model.path.isEmpty else {
        throw ValidationError("--model \(self.model[index]): expected a path, or NAME=path.")
      }
      guard !models[..<index].contains(where: { $0.name == model.name }) else {
        throw ValidationError(
          "--model: two models are called \(model.name); name them, as in --model before=\(model.path).")
      }
    }
    return models
  }

  /// `NAME=path`; a path that has an equals sign and is there is meant as it stands.
  private static func named(_ text: String) -> (name: String, path: String) {
    if let equals = text.firstIndex(of: "="), !FileManager.default.fileExists(atPath: text),
      !text[..<equals].contains("/")
    {
      return (String(text[..<equals]), String(text[text.index(after: equals)...]))
    }
    let file = URL(fileURLWithPath: text)
    return ((file.pathExtension == "pth" ? file.deletingPathExtension() : file).lastPathComponent, text)
  }
}

/// How much a server takes on.
struct ServerLoadArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp("Answers of each model that are made at once; the CPU takes up to 240.", valueName: "answers"))
  var batchSize = 64
  @Option(
    help: ArgumentHelp("Answers that may wait for their turn; further requests get status 429.", valueName: "answers"))
  var queueSize = 256
  @Option(
    help: ArgumentHelp(
      "Longest conversation in tokens, prompt and answer together. (default: the model's own, at most 8192)",
      valueName: "tokens"))
  var maxLength: Int?
  @Option(
    help: ArgumentHelp("Memory for the keys and values of each model's running answers.", valueName: "GiB"))
  var kvCacheGib = 2.0

  func validate() throws {
    guard batchSize >= 1, queueSize >= 0, maxLength ?? 2 >= 2, kvCacheGib > 0, kvCacheGib <= 4096 else {
      throw ValidationError(
        "--batch-size must be at least 1, --queue-size not negative, --max-length at least 2, --kv-cache-gib above 0.")
    }
  }

  var limits: EngineLimits {
    var limits = EngineLimits()
    (limits.rows, limits.waiting) = (batchSize, queueSize)
    limits.cacheBytes = Int(kvCacheGib * Double(1 << 30))
    return limits
  }
}
