import Files
import Foundation
import OrderedCollections
import OrderedJSON

/// The index of a model that is split over several files: `model.safetensors.index.json` or
/// `pytorch_model.bin.index.json`, which maps every tensor's name to the file that holds it.
public struct ShardIndex: Sendable {
  /// The file that holds each tensor, by the tensor's name, in the index's order.
  public let files: TextDictionary<URL>
  /// The path of the index.
  public let path: String

  /// Reads an index and checks that every file it names is there.
  /// - Throws: `FileError`: missing (the index, or shards, all of which are listed) or damaged.
  public init(contentsOf url: URL) throws {
    path = url.path
    let json: JSON
    do {
      let file = try MappedFile(url)
      try file.refuseImpostors()
      json = try JSON(parsing: UnsafeRawBufferPointer(file.bytes))
    } catch let error as JSONError {
      throw FileError.damaged(url.path, "the index is not valid JSON: \(error)")
    }
    guard let map = json["weight_map"]?.object, !map.isEmpty else {
      throw FileError.damaged(url.path, "the index has no \"weight_map\" that names tensors")
    }
    let folder = url.deletingLastPathComponent()
    var files: TextDictionary<URL> = [:]
    for (name, value) in map {
      // A shard is in the folder of its index; anything else would let a downloaded file reach outside its folder.
      guard let shard = value.string, !shard.isEmpty, shard != "..",
        !shard.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == 0 })
      else {
        throw FileError.damaged(url.path, "the index does not give a plain file name for tensor \"\(name)\"")
      }
      files[name] = folder.appendingPathComponent(shard)
    }
    let missing = OrderedSet(files.values).filter { !FileManager.default.fileExists(atPath: $0.path) }
    guard missing.isEmpty else {
      throw FileError(
        .missing, file: url.path,
        "names files that do not exist: " + missing.map(\.lastPathComponent).joined(separator: ", "),
        remedy: "fetch the missing files into the same folder")
    }
    self.files = files
  }

  /// Checks that each tensor is in the file that the index gives for it.
  /// - Throws: `FileError`: damaged, naming all the tensors that are not.
  func requireTensors(where holds: (_ name: String, _ shard: URL) -> Bool) throws {
    let absent = files.filter { !holds($0.key, $0.value) }.keys
    guard absent.isEmpty else {
      throw FileError.damaged(
        path, "names tensors that are not in the files it gives for them: " + absent.joined(separator: ", "),
        remedy: "fetch index and files again, from the same release")
    }
  }

  /// The files, each once, in the order in which the index first names them.
  public var shards: [URL] { Array(OrderedSet(files.values)) }
}
