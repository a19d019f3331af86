import Dispatch
import Files
import Foundation
import Synchronization

/// A SHA-256 over bytes that is computed on all cores: the digest of the digests of their pieces of 4 MiB, in order.
struct TokenCacheDigest: Hashable, Sendable {
  static let byteCount = 32
  private static let pieceSize = 4 << 20

  let bytes: [UInt8]

  init(bytes: [UInt8]) { self.bytes = bytes }

  init(of contents: UnsafeRawBufferPointer) {
    let pieces = (contents.count + Self.pieceSize - 1) / Self.pieceSize
    let digests = Mutex([[UInt8]](repeating: [], count: pieces))
    // The buffer is read only, and outlives the call.
    nonisolated(unsafe) let contents = contents
    DispatchQueue.concurrentPerform(iterations: pieces) { index in
      let range = index * Self.pieceSize..<min(contents.count, (index + 1) * Self.pieceSize)
      let digest = SHA256.digest(of: UnsafeRawBufferPointer(rebasing: contents[range])).bytes
      digests.withLock { $0[index] = digest }
    }
    bytes = digests.withLock { $0.flatMap { $0 } }.withUnsafeBytes { SHA256.digest(of: $0).bytes }
  }

  init(of contents: Data) { self = contents.withUnsafeBytes { TokenCacheDigest(of: $0) } }

  /// In hexadecimal digits.
  var text: String { bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}
