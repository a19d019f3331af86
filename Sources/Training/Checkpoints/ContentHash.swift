import Files
import Foundation
import MiniMind
import Preferences
import Torch

extension [TokenizedPair] {
  /// A SHA-256 over ids, masks and order: two runs with the same one learn from the same pairs.
  public var contentHash: String {
    var hash = SHA256()
    for pair in self { pair.update(&hash) }
    return hash.digest.description
  }
}

extension CausalLM {
  /// A SHA-256 over all weights in the order of the parameters, and those of the adapter where there is one.
  ///
  /// - Throws: `TorchError` when they cannot be copied from their device.
  public func contentHash() throws(TorchError) -> String {
    var hash = SHA256()
    try weights.storage.withUnsafeBytes { hash.update($0) }
    if let adapter {
      try adapter.weights.storage.withUnsafeBytes { hash.update($0) }
      let factors = adapter.layers.map { "\($0.path) \($0.adapter.scale)" }.joined(separator: "\n")
      var text = Array(factors.utf8)
      text.withUnsafeMutableBytes { hash.update(UnsafeRawBufferPointer($0)) }
    }
    return hash.digest.description
  }
}

/// A SHA-256 over a file; nil where it cannot be read.
public func contentHash(ofFile file: URL) -> String? {
  guard let bytes = try? Data(contentsOf: file, options: .alwaysMapped) else { return nil }
  return bytes.withUnsafeBytes { SHA256.digest(of: $0).description }
}
