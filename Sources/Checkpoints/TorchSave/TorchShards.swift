import Files
import Foundation
import OrderedJSON

/// A model that `torch.save` wrote in several files, with `pytorch_model.bin.index.json`: what `transformers` made of large
/// models before safetensors.
public enum TorchShards {
  /// The name of the file that holds a whole model.
  public static let fileName = "pytorch_model.bin"
  /// The name of the index of a model in several files.
  public static let indexName = "pytorch_model.bin.index.json"

  /// The named tensors of all shards, in the order of the index; they lie on the mapped files.
  ///
  /// - Throws: `FileError`: missing (the index, or shards, all of which are listed), damaged, unsupported.
  public static func read(_ folder: URL) throws -> TextDictionary<StoredTensor> {
    let index = try ShardIndex(contentsOf: folder.appendingPathComponent(indexName))
    var shards: [URL: TextDictionary<StoredTensor>] = [:]
    for shard in index.shards { shards[shard] = try namedTensors(in: shard) }
    try index.requireTensors { name, shard in shards[shard]?[name] != nil }
    var tensors: TextDictionary<StoredTensor> = [:]
    for (name, shard) in index.files { tensors[name] = shards[shard]?[name] }
    return tensors
  }

  /// The named tensors of one `torch.save` file: those of its dictionary, or of the one that a trainer keeps under "model"
  /// (MiniMind's resume files) or "state_dict".
  ///
  /// - Throws: `FileError`: missing, damaged, unsupported, or without a dictionary of named tensors.
  public static func namedTensors(in file: URL) throws -> TextDictionary<StoredTensor> {
    let value = try TorchArchive.read(file)
    let members = [value["model"], value["state_dict"], value].compactMap { $0?.dictionary }.first
    var tensors: TextDictionary<StoredTensor> = [:]
    for (key, entry) in members ?? [:] {
      if case .string(let name) = key, let tensor = entry.stored { tensors[name] = tensor }
    }
    guard !tensors.isEmpty else {
      throw FileError(
        .unsupported, file: file.path, "has no dictionary of named tensors",
        remedy: "name a file written by torch.save(model.state_dict(), file)")
    }
    return tensors
  }
}
