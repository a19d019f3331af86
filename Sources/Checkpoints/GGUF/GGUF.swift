import Files
import Foundation
import Torch

/// Writes GGUF files, which llama.cpp and Ollama read: version 3, little-endian, as ggml's `docs/gguf.md` describes them.
public enum GGUF {
  private static let alignment = 32

  /// Writes a file from its start to its end, with one tensor's rows in memory at a time. It is complete or absent.
  ///
  /// - Throws: `FileError` of the reason `cannotWrite`; `TorchError` when a tensor cannot be copied from its device.
  public static func write(
    _ metadata: [(key: String, value: GGUFValue)], _ tensors: [GGUFTensor], to url: URL
  ) throws {
    let file = try AtomicFile(url)
    try file.writer.write(header(metadata, tensors))
    for tensor in tensors {
      var count = 0
      try tensor.forEachChunk { bytes in
        count += bytes.count
        try file.writer.write(bytes)
      }
      try file.writer.write([UInt8](repeating: 0, count: padded(count) - count))
    }
    try file.commit()
  }

  private static func header(_ metadata: [(key: String, value: GGUFValue)], _ tensors: [GGUFTensor]) -> [UInt8] {
    var bytes = Array("GGUF".utf8)
    bytes.append(little: UInt32(3))
    bytes.append(little: UInt64(tensors.count))
    bytes.append(little: UInt64(metadata.count))
    for (key, value) in metadata {
      bytes.append(gguf: key)
      value.append(to: &bytes)
    }
    var offset = 0
    for tensor in tensors {
      bytes.append(gguf: tensor.name)
      bytes.append(little: UInt32(tensor.shape.count))
      for length in tensor.shape.reversed() { bytes.append(little: UInt64(length)) }
      bytes.append(little: tensor.encoding.rawValue)
      bytes.append(little: UInt64(offset))
      offset += padded(tensor.byteCount)
    }
    return bytes + [UInt8](repeating: 0, count: padded(bytes.count) - bytes.count)
  }

  private static func padded(_ count: Int) -> Int { (count + alignment - 1) / alignment * alignment }
}
