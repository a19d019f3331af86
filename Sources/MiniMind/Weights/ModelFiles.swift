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
    let config = model.configuration.huggingFaceJSON(dtype: dtype).serialized(.pretty) + "\n"
    try writeAtomically(Data(config.utf8), to: folder.appendingPathComponent("config.json"))
    try Safetensors.write(
      model.tensors(dtype: dtype), to: folder.appendingPathComponent(SafetensorsFolder.fileName))
    try copyTokenizer(from: tokenizer, to: folder)
  }

  /// Copies the tokenizer's files that are there.
  static func copyTokenizer(from tokenizer: URL?, to folder: URL) throws {
    guard let tokenizer, tokenizer.standardizedFileURL != folder.standardizedFileURL else { return }
    for name in tokenizerFiles {
      guard let contents = try? Data(contentsOf: tokenizer.appendingPathComponent(name)) else { continue }
      try writeAtomically(contents, to: folder.appendingPathComponent(name))
    }
  }

  /// Writes a file as MiniMind does: a plain dictionary from names to tensors, with the tied head under its own name too.
  ///
  /// - Throws: `FileError` when the file cannot be written, `TorchError`.
  public static func writeTorchFile(_ model: CausalLM, to file: URL, dtype: DType = .float16) throws {
    var tensors = try model.tensors(dtype: dtype).mapValues { try StoredTensor($0) }
    if model.configuration.tiesEmbeddings { tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"] }
    try TorchArchive.write(TorchValue(stateDict: tensors.elements), to: file)
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
