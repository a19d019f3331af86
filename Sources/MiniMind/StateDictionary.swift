import Checkpoints
import Foundation
import Torch

/// The named tensors of a model's weight files, read when they are asked for.
public struct StateDictionary {
  /// The file or folder, for messages.
  public let source: String
  /// The tensors' names, as in Hugging Face's and MiniMind's files.
  public let names: [String]
  private let stored: (String) -> StoredTensor?

  /// Reads a Hugging Face folder (safetensors, single or in shards, or `pytorch_model.bin`) or a `torch.save` file.
  ///
  /// - Throws: `CheckpointError` when files are missing, damaged or of an unsupported format.
  public init(contentsOf location: URL) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: location.path, isDirectory: &isFolder) else {
      throw CheckpointError(
        .missing, file: location.path, "does not exist",
        remedy: "name a Hugging Face folder or a weight file that torch.save has written")
    }
    let pickled = isFolder.boolValue ? location.appendingPathComponent("pytorch_model.bin") : location
    if isFolder.boolValue,
      SafetensorsFolder.exists(in: location) || !FileManager.default.fileExists(atPath: pickled.path)
    {
      let folder = try SafetensorsFolder(location)
      self.init(source: location.path, names: folder.names) { folder[$0] }
    } else if location.pathExtension == "safetensors" {
      let file = try SafetensorsFile(contentsOf: location)
      self.init(source: location.path, names: file.names) { file[$0] }
    } else {
      try self.init(torchFile: pickled)
    }
  }

  private init(torchFile file: URL) throws {
    let value = try TorchArchive.read(file)
    // A resume file of MiniMind keeps the weights under "model", other trainers under "state_dict".
    let weights = [value["model"], value["state_dict"], value].compactMap { $0?.dictionary }.first
    var tensors: [String: StoredTensor] = [:]
    var names: [String] = []
    for (key, entry) in weights ?? [:] {
      guard case .string(let name) = key, let tensor = entry.stored else { continue }
      let plain = Self.withoutWrappers(name)
      if tensors.updateValue(tensor, forKey: plain) == nil { names.append(plain) }
    }
    guard !names.isEmpty else {
      throw CheckpointError(
        .unsupported, file: file.path, "holds no dictionary of named tensors",
        remedy: "name a file written by torch.save(model.state_dict(), file)")
    }
    self.init(source: file.path, names: names) { tensors[$0] }
  }

  init(source: String, names: [String], stored: @escaping (String) -> StoredTensor?) {
    self.source = source
    self.names = names
    self.stored = stored
  }

  /// The shape of a tensor, or nil where there is none of that name.
  public func shape(of name: String) -> [Int]? { stored(name)?.shape }

  /// The tensor of a name, or nil where there is none.
  ///
  /// - Throws: `CheckpointError` for damaged data.
  public func tensor(_ name: String) throws -> Tensor? { try stored(name)?.tensor() }

  /// DistributedDataParallel and torch.compile put their own prefixes before names.
  private static func withoutWrappers(_ name: String) -> String {
    var name = Substring(name)
    for prefix in ["module.", "_orig_mod."] where name.hasPrefix(prefix) { name = name.dropFirst(prefix.count) }
    return String(name)
  }
}
