import Checkpoints
import Files
import Foundation
import OrderedJSON
import Torch

/// The named tensors of a model's weight files, read on demand.
public struct StateDictionary {
  /// The file or folder, for messages.
  public let source: String
  /// The tensors' names, as in Hugging Face's and MiniMind's files.
  public let names: [String]
  private let stored: (String) -> StoredTensor?

  /// Reads a Hugging Face folder or a weight file.
  ///
  /// In a folder the first of these is used, in the order of `transformers`: `model.safetensors`,
  /// `model.safetensors.index.json` with its shards, `pytorch_model.bin`, `pytorch_model.bin.index.json` with its shards. A
  /// file is read as safetensors if its name ends so, otherwise as a `torch.save` file.
  ///
  /// - Throws: `FileError` when files are missing, damaged or of an unsupported format.
  public init(contentsOf location: URL) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: location.path, isDirectory: &isFolder) else {
      throw FileError(
        .missing, file: location.path, "does not exist",
        remedy: "name a Hugging Face folder or a weight file that torch.save has written")
    }
    if isFolder.boolValue {
      try self.init(folder: location)
    } else if location.pathExtension == "safetensors" {
      let file = try SafetensorsFile(contentsOf: location)
      self.init(source: location.path, names: file.names) { file[$0] }
    } else {
      try self.init(source: location.path, torch: TorchShards.namedTensors(in: location))
    }
  }

  private init(folder: URL) throws {
    func holds(_ name: String) -> Bool {
      FileManager.default.fileExists(atPath: folder.appendingPathComponent(name).path)
    }
    if SafetensorsFolder.exists(in: folder) {
      let files = try SafetensorsFolder(folder)
      self.init(source: folder.path, names: files.names) { files[$0] }
    } else if holds(TorchShards.fileName) {
      let file = folder.appendingPathComponent(TorchShards.fileName)
      try self.init(source: file.path, torch: TorchShards.namedTensors(in: file))
    } else if holds(TorchShards.indexName) {
      try self.init(source: folder.path, torch: TorchShards.read(folder))
    } else {
      throw FileError(
        .missing, file: folder.path,
        "has no weights: none of \(SafetensorsFolder.fileName), \(SafetensorsFolder.indexName), "
          + "\(TorchShards.fileName) and \(TorchShards.indexName)",
        remedy: "name a folder with a model's weights")
    }
  }

  private init(source: String, torch stored: TextDictionary<StoredTensor>) throws {
    var tensors: TextDictionary<StoredTensor> = [:]
    for (name, tensor) in stored { tensors[Self.withoutWrappers(name)] = tensor }
    self.init(source: source, names: tensors.keys) { tensors[$0] }
  }

  /// Takes experts apart that are stacked in one tensor: whatever the file has, an expert's weights have names of their own.
  init(source: String, names: [String], stored: @escaping (String) -> StoredTensor?) {
    self.source = source
    let separate = SeparateExperts(names: names, stored: stored)
    (self.names, self.stored) = (separate.names, { separate[$0] })
  }

  /// The same tensors under other names.
  func renamed(_ rename: (String) -> String) -> StateDictionary {
    var originals: TextDictionary<String> = [:]
    for name in names { originals[rename(name)] = name }
    return StateDictionary(source: source, names: originals.keys) { [stored] in originals[$0].flatMap(stored) }
  }

  /// The shape of a tensor, or nil if there is no such tensor.
  public func shape(of name: String) -> [Int]? { stored(name)?.shape }

  /// The tensor of a name, or nil if there is none.
  ///
  /// - Throws: `FileError` for damaged data.
  public func tensor(_ name: String) throws -> Tensor? { try stored(name)?.tensor() }

  /// Whether two tensors have the same type and the same bytes.
  func hasSameBytes(_ name: String, as other: String) throws -> Bool {
    guard let first = stored(name), let second = stored(other), first.dtype == second.dtype else { return false }
    return try first.withUnsafeBytes { bytes in
      try second.withUnsafeBytes { others in
        guard bytes.count == others.count, let start = bytes.baseAddress, let other = others.baseAddress else {
          return bytes.count == others.count
        }
        return start == other || memcmp(start, other, bytes.count) == 0
      }
    }
  }

  /// The name without the prefixes of DistributedDataParallel and torch.compile.
  private static func withoutWrappers(_ name: String) -> String {
    var name = name
    for prefix in ["module.", "_orig_mod."] where name.hasTextPrefix(prefix) {
      name = String(name.unicodeScalars.dropFirst(prefix.unicodeScalars.count))
    }
    return name
  }
}
