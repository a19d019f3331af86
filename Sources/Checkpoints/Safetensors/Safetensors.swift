import Files
import Foundation
import OrderedCollections
import OrderedJSON
import Torch

/// Writes safetensors files; `SafetensorsFile` and `SafetensorsFolder` read them.
public enum Safetensors {
  /// Writes a file with exactly the bytes that the format's own Python library writes: tensors ordered by falling alignment
  /// and then by name, the header padded to a multiple of 8 bytes. The file is complete or absent.
  /// - Throws: `FileError` of the reason `cannotWrite`; what reading the tensors throws.
  public static func write(_ tensors: OrderedDictionary<String, StoredTensor>, to url: URL) throws {
    let entries = try ordered(tensors.map { Entry(name: $0, dtype: $1.dtype, shape: $1.shape) }, file: url.path)
    let file = try AtomicFile(url)
    try file.writer.write(header(entries))
    for entry in entries {
      try tensors[entry.name]?.withUnsafeBytes { try file.writer.write($0) }
    }
    try file.commit()
  }

  /// Writes tensors. To store another type, convert them first.
  /// - Throws: `FileError` of the reason `cannotWrite`; `TorchError` when a tensor cannot be copied from its device.
  public static func write(_ tensors: OrderedDictionary<String, Tensor>, to url: URL) throws {
    try write(try tensors.mapValues { try StoredTensor($0) }, to: url)
  }

  /// The bytes of such a file, in memory of its own.
  ///
  /// - Returns: nil where there is no memory for it
  /// - Throws: `FileError` for a name that no tensor may have; `TorchError` when a tensor cannot be copied from its device.
  static func encode(_ tensors: OrderedDictionary<String, Tensor>) throws -> Data? {
    let entries = try ordered(
      tensors.map { Entry(name: $0, dtype: $1.dtype, shape: $1.shape) }, file: "a safetensors file")
    let header = header(entries)
    return try OwnMemory.filled(count: entries.reduce(header.count) { $0 + $1.byteCount }) { memory in
      guard var place = memory.baseAddress else { return }
      header.withUnsafeBytes { place.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(place), byteCount: $0.count) }
      place += header.count
      for entry in entries {
        // One after the other, so that no two copies of a device's tensors are there at once.
        guard let tensor = tensors[entry.name] else { continue }
        try StoredTensor(tensor).withUnsafeBytes { OwnMemory.copy($0, to: place) }
        place += entry.byteCount
      }
    }
  }

  /// What the header says of a tensor.
  private struct Entry {
    let name: String
    let dtype: DType
    let shape: [Int]
    var byteCount: Int { shape.reduce(dtype.byteCount, *) }
  }

  /// The order in which the format's own library writes tensors.
  private static func ordered(_ entries: [Entry], file: String) throws(FileError) -> [Entry] {
    guard !entries.contains(where: { $0.name == "__metadata__" }) else {
      throw FileError(
        .cannotWrite(.invalidContents), file: file, "a tensor cannot be called __metadata__ in a safetensors file")
    }
    let ranks = Dictionary(uniqueKeysWithValues: DTypeName.all.enumerated().map { ($1.dtype, $0) })
    return entries.sorted { left, right in
      let ranks = (ranks[left.dtype] ?? 0, ranks[right.dtype] ?? 0)
      return ranks.0 != ranks.1 ? ranks.0 > ranks.1 : left.name.precedesText(right.name)
    }
  }

  private static func header(_ entries: [Entry]) -> [UInt8] {
    // `transformers` loads only files that name their framework.
    var members: JSON.Object = ["__metadata__": ["format": "pt"]]
    var offset = 0
    for entry in entries {
      let end = offset + entry.byteCount
      members[entry.name] = [
        "dtype": .string(DTypeName.of(entry.dtype).safetensors),
        "shape": .array(entry.shape.map { .integer($0) }),
        "data_offsets": [.integer(offset), .integer(end)],
      ]
      offset = end
    }
    var text = Array(JSON.object(members).serialized(.compact).utf8)
    while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
    return withUnsafeBytes(of: UInt64(text.count).littleEndian, Array.init) + text
  }
}
