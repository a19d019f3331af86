import Checkpoints
import Files
import Foundation
import OrderedCollections
import OrderedJSON
import Torch

extension CausalLM {
  /// Loads a model from a Hugging Face folder, or from a weight file of MiniMind whose shape is read off its tensors.
  ///
  /// - Parameters:
  ///   - location: the folder, or a `.pth`, `.bin` or `.safetensors` file
  ///   - shape: what is known of the model besides
  /// - Throws: `FileError`, `ModelConfigurationError`, `WeightMismatch`, `TorchError`.
  public static func pretrained(
    _ location: URL, shape: KnownShape = KnownShape()
  ) throws -> CausalLM {
    let state = try StateDictionary(contentsOf: location)
    let configuration = try ModelConfiguration(describing: state, at: location, shape: shape)
    let model = try CausalLM(configuration)
    try model.load(state)
    return model
  }
}

/// What the user knows of a model's shape: it completes what a bare weight file tells, and is checked against the rest.
public struct KnownShape: Sendable {
  /// Width of the residual stream; checked.
  public var hiddenSize: Int?
  /// Number of decoder layers; checked.
  public var layerCount: Int?
  /// Number of query heads; a bare file without QK-norm does not tell it, and MiniMind's 8 is assumed.
  public var headCount: Int?
  /// MiniMind's `inference_rope_scaling`, of which a bare file tells nothing.
  public var scalesRotation = false

  /// Nothing is known.
  public init() {}

  func check(_ configuration: ModelConfiguration, of source: String) throws(ModelConfigurationError) {
    for (name, given, found) in [
      ("hidden size", hiddenSize, configuration.hiddenSize), ("number of layers", layerCount, configuration.layerCount),
      ("number of heads", headCount, configuration.headCount),
    ] {
      if let given, given != found {
        throw ModelConfigurationError(
          file: source,
          reason: "the \(name) is \(found), but \(given) was asked for; name another model, or leave the option out")
      }
    }
  }
}

extension ModelConfiguration {
  /// The `config.json` of a Hugging Face folder, or beside one of its files, else what the tensors tell.
  init(describing state: StateDictionary, at location: URL, shape: KnownShape = KnownShape()) throws {
    var isFolder: ObjCBool = false
    _ = FileManager.default.fileExists(atPath: location.path, isDirectory: &isFolder)
    let folder = isFolder.boolValue ? location : location.deletingLastPathComponent()
    let file = folder.appendingPathComponent("config.json")
    // A .pth is MiniMind's: it stands alone, and whatever lies beside it need not belong to it.
    guard isFolder.boolValue || location.pathExtension != "pth", FileManager.default.fileExists(atPath: file.path)
    else {
      try self.init(inferredFrom: state, headCount: shape.headCount, scalesRotation: shape.scalesRotation)
      try shape.check(self, of: state.source)
      return
    }
    try self.init(contentsOf: file)
    // MiniMind's own model_type covers both of its generations.
    if family == .minimind {
      hasQueryKeyNorm = state.shape(of: "model.layers.0.self_attn.q_norm.weight") != nil
      if let width = state.shape(of: "model.layers.0.mlp.up_proj.weight")?.first { intermediateSize = width }
    }
    try shape.check(self, of: state.source)
  }
}

/// How a model is written to files.
public enum ModelFiles {
  /// The files of a tokenizer that travel with a model.
  public static let tokenizerFiles = [
    "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "merges.txt", "generation_config.json",
  ]

  /// Writes `config.json`, `model.safetensors` and the tokenizer's files into a folder that exists.
  ///
  /// - Parameters:
  ///   - tokenizer: the folder whose tokenizer files are copied; none are where it is nil
  ///   - dtype: the type of the weights in the file
  /// - Throws: `FileError` when the folder cannot be written, `TorchError`.
  public static func writeFolder(
    _ model: CausalLM, to folder: URL, tokenizer: URL?, dtype: DType = .float32
  ) throws {
    let config = model.configuration.huggingFaceJSON(dtype: dtype).serialized(.pretty) + "\n"
    try writeAtomically(Data(config.utf8), to: folder.appendingPathComponent("config.json"))
    try Safetensors.write(
      model.tensors(dtype: dtype), to: folder.appendingPathComponent(SafetensorsFolder.fileName))
    guard let tokenizer, tokenizer.standardizedFileURL != folder.standardizedFileURL else { return }
    for name in tokenizerFiles {
      guard let contents = try? Data(contentsOf: tokenizer.appendingPathComponent(name)) else { continue }
      try writeAtomically(contents, to: folder.appendingPathComponent(name))
    }
  }

  /// Writes a file as MiniMind does: a plain dictionary of names to tensors, the head under its own name too.
  ///
  /// - Throws: `FileError` when the file cannot be written, `TorchError`.
  public static func writeTorchFile(_ model: CausalLM, to file: URL, dtype: DType = .float16) throws {
    var tensors = try model.tensors(dtype: dtype).mapValues { try StoredTensor($0) }
    if model.configuration.tiesEmbeddings { tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"] }
    try TorchArchive.write(TorchValue(stateDict: tensors.elements), to: file)
  }
}

extension CausalLM {
  /// The weights under their names, converted to a type.
  ///
  /// - Throws: `TorchError` when memory runs out.
  public func tensors(dtype: DType) throws(TorchError) -> OrderedDictionary<String, Tensor> {
    var tensors: OrderedDictionary<String, Tensor> = [:]
    for (name, parameter) in namedParameters { tensors[name] = try parameter.value.detached().to(dtype) }
    return tensors
  }
}
