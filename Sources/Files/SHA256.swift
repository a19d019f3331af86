import CSHA256

/// SHA-256 (FIPS 180-4) of bytes that arrive in pieces.
///
/// ```swift
/// var hash = SHA256()
/// hash.update(bytes)
/// print(hash.digest)
/// ```
public struct SHA256: Sendable {
  /// The 32 bytes of a finished hash.
  public struct Digest: Hashable, Sendable, CustomStringConvertible {
    /// The bytes in their order.
    public let bytes: [UInt8]

    /// In hexadecimal digits.
    public var description: String { bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
  }

  private static let blockSize = 64

  // FIPS 180-4, section 5.3.3.
  private var state: [UInt32] = [
    0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19,
  ]
  /// The bytes since the last whole block, fewer than 64.
  private var pending: [UInt8] = []
  private var count: UInt64 = 0

  /// The hash of no bytes yet.
  public init() { pending.reserveCapacity(2 * Self.blockSize) }

  /// The digest of bytes.
  public static func digest(of bytes: UnsafeRawBufferPointer) -> Digest {
    var hash = SHA256()
    hash.update(bytes)
    return hash.digest
  }

  /// Adds bytes.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    count &+= UInt64(bytes.count)
    var rest = bytes
    if !pending.isEmpty {
      let missing = min(Self.blockSize - pending.count, rest.count)
      pending.append(contentsOf: rest[..<missing])
      rest = UnsafeRawBufferPointer(rebasing: rest[missing...])
      guard pending.count == Self.blockSize else { return }
      compress(pending)
      pending.removeAll(keepingCapacity: true)
    }
    let whole = rest.count / Self.blockSize * Self.blockSize
    if whole > 0, let start = rest.baseAddress {
      csha256_compress(&state, start.assumingMemoryBound(to: UInt8.self), whole / Self.blockSize)
    }
    pending.append(contentsOf: rest[whole...])
  }

  /// The digest of all bytes so far; more may follow.
  public var digest: Digest {
    var ended = self
    // Section 5.1.1: a bit 1, then zeros up to the message's length in bits, which ends a block.
    let zeros = (2 * Self.blockSize - 9 - pending.count) % Self.blockSize
    let end = pending + [0x80] + [UInt8](repeating: 0, count: zeros)
    ended.compress(end + withUnsafeBytes(of: (count &* 8).bigEndian, Array.init))
    return Digest(bytes: ended.state.flatMap { withUnsafeBytes(of: $0.bigEndian, Array.init) })
  }

  /// Adds whole blocks.
  private mutating func compress(_ blocks: [UInt8]) {
    csha256_compress(&state, blocks, blocks.count / Self.blockSize)
  }
}
