import Files
import Foundation
import OrderedJSON
import Torch

/// The weights in a Hugging Face folder: `model.safetensors`, or shards with `model.safetensors.index.json`.
public struct SafetensorsFolder: Sendable {
  private let files: [SafetensorsFile]
  /// For each tensor the index of its file in `files`.
  private let places: TextDictionary<Int>

  /// The name of the file that holds a whole model.
  public static let fileName = "model.safetensors"
  /// The name of the index of a model in several files.
  public static let indexName = "model.safetensors.index.json"

  /// Whether a folder holds weights that can be opened here.
  public static func exists(in folder: URL) -> Bool {
    [fileName, indexName].contains {
      FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path)
    }
  }

  /// Opens the single file, or otherwise every shard of the index. Checks all headers, and that each tensor is in the file
  /// that the index gives for it.
  /// - Throws: `FileError`: missing (files), damaged.
  public init(_ folder: URL) throws {
    let single = folder.appendingPathComponent(Self.fileName)
    guard Self.exists(in: folder) else {
      throw FileError(
        .missing, file: folder.path, "has neither \(Self.fileName) nor \(Self.indexName)",
        remedy: "name a folder with a model's weights")
    }
    if FileManager.default.fileExists(atPath: single.path) {
      let file = try SafetensorsFile(contentsOf: single)
      files = [file]
      places = TextDictionary(file.names.map { (key: $0, value: 0) })
      return
    }
    let index = try ShardIndex(contentsOf: folder.appendingPathComponent(Self.indexName))
    let shards = index.shards
    files = try shards.map { try SafetensorsFile(contentsOf: $0) }
    let order = Dictionary(uniqueKeysWithValues: shards.enumerated().map { ($1, $0) })
    places = index.files.mapValues { order[$0] ?? 0 }
    let (opened, found) = (files, places)
    try index.requireTensors { name, _ in found[name].flatMap { opened[$0][name] } != nil }
  }

  /// The names of all tensors.
  public var names: [String] { places.keys }

  /// The stored tensor of a name, or nil if there is none.
  public subscript(name: String) -> StoredTensor? { places[name].flatMap { files[$0][name] } }
}
