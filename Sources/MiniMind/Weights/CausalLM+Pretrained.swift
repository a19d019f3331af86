import Foundation
import Torch

extension CausalLM {
  /// Loads a model from a Hugging Face folder, or from a MiniMind weight file, whose shape is inferred from its tensors.
  ///
  /// - Parameters:
  ///   - location: the folder, or a `.pth`, `.bin` or `.safetensors` file
  ///   - shape: what else is known about the model
  /// - Throws: `FileError`, `ModelConfigurationError`, `WeightMismatch`,
  ///   `WeightsNotFinite`, `TorchError`.
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

extension ModelConfiguration {
  /// The `config.json` of a Hugging Face folder, or next to one of its files; otherwise what the tensors show.
  init(describing state: StateDictionary, at location: URL, shape: KnownShape = KnownShape()) throws {
    var isFolder: ObjCBool = false
    _ = FileManager.default.fileExists(atPath: location.path, isDirectory: &isFolder)
    let folder = isFolder.boolValue ? location : location.deletingLastPathComponent()
    let file = folder.appendingPathComponent("config.json")
    // A .pth is MiniMind's: it stands alone, and a config.json next to it need not belong to it.
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
      if let width = state.shape(of: "model.layers.0.mlp.experts.0.up_proj.weight")?.first {
        experts?.intermediateSize = width
      }
    }
    try shape.check(self, of: state.source)
  }
}
