import Files
import Foundation
import OrderedCollections
import Torch

/// A file that is still to be written: its name in its folder, and what it will hold. It shares the memory of its tensors.
public struct FileDraft {
  private enum Contents {
    case bytes(Data)
    case tensors(OrderedDictionary<String, Tensor>)
  }

  /// Its name.
  public let name: String
  private let contents: Contents

  /// A file of these bytes.
  public init(_ name: String, bytes: Data) { (self.name, contents) = (name, .bytes(bytes)) }

  /// A safetensors file.
  public init(_ name: String, safetensors: OrderedDictionary<String, Tensor>) {
    (self.name, contents) = (name, .tensors(safetensors))
  }

  /// The bytes of what it holds, without a header.
  public var byteCount: Int {
    switch contents {
    case .bytes(let bytes): bytes.count
    case .tensors(let tensors): tensors.values.reduce(0) { $0 + $1.count * $1.dtype.byteCount }
    }
  }

  /// Writes the file into a folder that exists. It is complete or absent.
  ///
  /// - Throws: `FileError` of the reason `cannotWrite`; `TorchError` when a tensor cannot be copied from its device.
  public func write(to folder: URL) throws {
    let file = folder.appendingPathComponent(name)
    switch contents {
    case .bytes(let bytes): try writeAtomically(bytes, to: file)
    case .tensors(let tensors): try Safetensors.write(tensors, to: file)
    }
  }

  /// The whole file in memory of its own, so that what it was made from may change.
  ///
  /// - Returns: nil where there is no memory for it
  /// - Throws: what reading the tensors throws.
  public func encoded() throws -> (name: String, bytes: Data)? {
    switch contents {
    case .bytes(let bytes): (name, bytes)
    case .tensors(let tensors): try Safetensors.encode(tensors).map { (name, $0) }
    }
  }
}

extension [FileDraft] {
  /// Writes the files, in their order.
  ///
  /// - Throws: what `FileDraft.write(to:)` throws.
  public func write(to folder: URL) throws {
    for draft in self { try draft.write(to: folder) }
  }
}
