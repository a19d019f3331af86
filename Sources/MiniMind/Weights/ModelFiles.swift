import Checkpoints
import Files
import Foundation
import OrderedCollections
import OrderedJSON
import Torch

/// Writes models to files.
public enum ModelFiles {
  /// The tokenizer's files that are copied with a model.
  public static let tokenizerFiles = [
    "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "merges.txt", "generation_config.json",
  ]

  /// Writes `config.json`, `model.safetensors` and the tokenizer's files into a folder that exists.
  ///
  /// - Parameters:
  ///   - tokenizer: the folder whose tokenizer files are copied; nil for none
  ///   - dtype: the type of the weights in the file
  /// - Throws: `FileError` when the folder cannot be written, `TorchError`.
  public static func writeFolder(
    _ model: CausalLM, to folder: URL, tokenizer: URL?, dtype: DType = .float32
  ) throws {
    try drafts(model, dtype: dtype).write(to: folder)
    try copyTokenizer(from: tokenizer, to: folder)
  }

  /// `config.json` and `model.safetensors`, still to be written.
  ///
  /// - Throws: `TorchError` when memory runs out.
  public static func drafts(_ model: CausalLM, dtype: DType = .float32) throws(TorchError) -> [FileDraft] {
    let config = model.configuration.huggingFaceJSON(dtype: dtype).serialized(.pretty) + "\n"
    return [
      FileDraft("config.json", bytes: Data(config.utf8)),
      FileDraft(SafetensorsFolder.fileName, safetensors: try model.tensors(dtype: dtype)),
    ]
  }

  /// Copies the tokenizer's files that are there.
  static func copyTokenizer(from tokenizer: URL?, to folder: URL) throws {
    guard let tokenizer, tokenizer.standardizedFileURL != folder.standardizedFileURL else { return }
    try tokenizerDrafts(tokenizer).write(to: folder)
  }

  /// The tokenizer's files that are in a folder.
  public static func tokenizerDrafts(_ tokenizer: URL?) -> [FileDraft] {
    guard let tokenizer else { return [] }
    return tokenizerFiles.compactMap { name in
      (try? Data(contentsOf: tokenizer.appendingPathComponent(name))).map { FileDraft(name, bytes: $0) }
    }
  }

  /// Writes a file as MiniMind does: a plain dictionary from names to tensors, with the tied head under its own name too.
  ///
  /// - Throws: `FileError` when the file cannot be written, `TorchError`.
  public static func writeTorchFile(_ model: CausalLM, to file: URL, dtype: DType = .float16) throws {
    try TorchArchive.write(torchValue(model, dtype: dtype), to: file)
  }

  /// What such a file holds.
  ///
  /// - Parameter copies: whether it is to be in memory of its own
  /// - Throws: `TorchError` when memory runs out.
  static func torchValue(_ model: CausalLM, dtype: DType, copies: Bool = false) throws -> TorchValue {
    var tensors = try model.tensors(dtype: dtype).mapValues { tensor in
      // Weights of another type are copies already.
      try StoredTensor(copies && dtype == .float32 ? tensor.clone() : tensor)
    }
    if model.configuration.tiesEmbeddings { tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"] }
    return TorchValue(stateDict: tensors.elements)
  }
}

extension CausalLM {
  /// The weights under their names, converted to a type; with the adapter in them, where the model has one.
  ///
  /// - Throws: `TorchError` when memory runs out.
  public func tensors(dtype: DType) throws(TorchError) -> OrderedDictionary<String, Tensor> {
    var tensors: OrderedDictionary<String, Tensor> = [:]
    for (name, parameter) in namedParameters { tensors[name] = try parameter.value.detached().to(dtype) }
    for (path, layer) in adapter?.layers ?? [] { tensors["\(path).weight"] = try layer.merged().to(dtype) }
    return tensors
  }
}
