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
    guard tensors["__metadata__"] == nil else {
      throw FileError(
        .cannotWrite(.invalidContents), file: url.path, "a tensor cannot be called __metadata__ in a safetensors file")
    }
    let ranks = Dictionary(uniqueKeysWithValues: DTypeName.all.enumerated().map { ($1.dtype, $0) })
    let sorted = tensors.sorted { left, right in
      let ranks = (ranks[left.value.dtype] ?? 0, ranks[right.value.dtype] ?? 0)
      return ranks.0 != ranks.1 ? ranks.0 > ranks.1 : left.key.precedesText(right.key)
    }
    let file = try AtomicFile(url)
    try file.writer.write(header(sorted.map { ($0.key, $0.value) }))
    for (_, tensor) in sorted {
      try tensor.withUnsafeBytes { try file.writer.write($0) }
    }
    try file.commit()
  }

  /// Writes tensors. To store another type, convert them first.
  /// - Throws: `FileError` of the reason `cannotWrite`; `TorchError` when a tensor cannot be copied from its device.
  public static func write(_ tensors: OrderedDictionary<String, Tensor>, to url: URL) throws {
    try write(try tensors.mapValues { try StoredTensor($0) }, to: url)
  }

  private static func header(_ tensors: [(name: String, tensor: StoredTensor)]) -> [UInt8] {
    // `transformers` loads only files that name their framework.
    var members: JSON.Object = ["__metadata__": ["format": "pt"]]
    var offset = 0
    for (name, tensor) in tensors {
      let end = offset + tensor.byteCount
      members[name] = [
        "dtype": .string(DTypeName.of(tensor.dtype).safetensors),
        "shape": .array(tensor.shape.map { .integer($0) }),
        "data_offsets": [.integer(offset), .integer(end)],
      ]
      offset = end
    }
    var text = Array(JSON.object(members).serialized(.compact).utf8)
    while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
    return withUnsafeBytes(of: UInt64(text.count).littleEndian, Array.init) + text
  }
}
