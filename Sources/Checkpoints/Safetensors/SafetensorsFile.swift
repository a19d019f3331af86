import Files
import Foundation
import OrderedJSON
import Torch

/// A safetensors file, mapped into memory. Opening it reads and checks its header only; tensors are read when they
/// are used, in place without a copy.
public struct SafetensorsFile: Sendable {
  private let file: MappedFile
  private let header: SafetensorsHeader

  /// Opens a file and checks its header against the file's size.
  /// - Throws: `FileError`: missing, damaged, or of an unsupported dtype.
  public init(contentsOf url: URL) throws {
    file = try MappedFile(url)
    header = try SafetensorsHeader(of: file)
  }

  /// The path of the file.
  public var path: String { file.path }

  /// The names of the tensors, in the order of the header.
  public var names: [String] { header.entries.keys }

  /// The texts under `__metadata__`; transformers wants `format` to be `pt` there.
  package var metadata: TextDictionary<String> { header.metadata }

  /// The stored tensor of a name, or nil if there is none.
  public subscript(name: String) -> StoredTensor? {
    guard let entry = header.entries[name] else { return nil }
    return StoredTensor(entry.dtype, entry.shape, on: .init(memory(entry.bytes), name: file.path))
  }

  /// The tensor of a name, on the mapping, without a copy if it is aligned.
  /// - Throws: `FileError` when there is none.
  public func tensor(_ name: String) throws -> Tensor {
    guard let stored = self[name] else {
      throw FileError(.lacksEntry, file: path, "has no tensor \"\(name)\"")
    }
    return try stored.tensor()
  }

  private func memory(_ range: Range<Int>) -> StoredTensor.Storage.Memory {
    .mapped(UnsafeMutableRawBufferPointer(rebasing: file.bytes[range]), owner: file)
  }
}
