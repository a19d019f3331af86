import Foundation
import MiniMind

/// Where a model and its tokenizer are.
struct ModelSource {
  /// The path of a Hugging Face folder or of a weight file.
  var path: String
  /// The path of an adapter; nil for none.
  var adapter: String?
  /// The path of the tokenizer's folder; nil for the one that belongs to the model.
  var tokenizer: String?
  /// What is known of the shape of a bare weight file.
  var shape: KnownShape

  /// What --ref-model calls the model without its adapter.
  static let base = "base"

  /// The folder of the tokenizer: the one named, the model's, or the one beside a weight file in a MiniMind checkout.
  ///
  /// - Throws: `Failure` where there is no model, or no tokenizer
  var tokenizerFolder: URL {
    get throws {
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
        throw Failure(
          .missingInput,
          "--model \(path): no such file or folder. Name a Hugging Face folder, or a weight file such as "
            + "out/full_sft_768.pth.")
      }
      if let tokenizer { return URL(fileURLWithPath: tokenizer, isDirectory: true) }
      let location = URL(fileURLWithPath: path)
      let folder = isFolder.boolValue ? location : location.deletingLastPathComponent()
      let candidates = [folder, folder.deletingLastPathComponent().appendingPathComponent("model")]
      for candidate in candidates
      where FileManager.default.fileExists(atPath: candidate.appendingPathComponent("tokenizer.json").path) {
        return candidate
      }
      throw Failure(
        .missingInput,
        "no tokenizer.json in \(candidates.map(\.path).joined(separator: " or ")). Name its folder with --tokenizer "
          + "(in a MiniMind checkout: --tokenizer model).")
    }
  }

  /// Reads the model, with its adapter beside the weights.
  func load() throws -> CausalLM {
    let model = try load(path)
    if let adapter { try model.loadAdapter(URL(fileURLWithPath: adapter)) }
    return model
  }

  /// Reads the model, with its adapter in the weights.
  func loadMerged() throws -> CausalLM {
    let model = try load()
    try model.mergeAdapter()
    return model
  }

  /// Reads another model, of whose weight file the same is known.
  func load(_ path: String) throws -> CausalLM {
    let location = URL(fileURLWithPath: path)
    let config = location.appendingPathComponent("config.json").path
    if AdapterFiles.areIn(location), !FileManager.default.fileExists(atPath: config) {
      throw Failure(
        .usage,
        "\(path) is an adapter, not a model: name the model that it was trained on with --model, and it with --adapter."
      )
    }
    return try CausalLM.pretrained(location, shape: shape)
  }
}

extension ModelArguments {
  /// Where the options say that the model is.
  ///
  /// - Parameter hasExperts: what is known of whether it is a mixture of experts
  func source(_ shape: ShapeArguments, hasExperts: Bool? = nil) -> ModelSource {
    var known = shape.known
    known.hasExperts = hasExperts
    return ModelSource(path: model, adapter: adapter, tokenizer: tokenizer, shape: known)
  }
}

extension ChosenModelArguments {
  /// The model that was named, or found.
  ///
  /// - Throws: `Failure` where there is none
  func path() throws -> String {
    if let path = model ?? ChatModels.newestWeights() { return path }
    throw ChatModels.noModel
  }

  /// Where a model of this path, its tokenizer and its adapter are.
  func source(_ path: String, _ shape: ShapeArguments) -> ModelSource {
    ModelSource(path: path, adapter: adapter, tokenizer: tokenizer, shape: shape.known)
  }
}
