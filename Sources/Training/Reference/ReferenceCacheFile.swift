import Files
import Foundation

/// log π_ref of both sides of a pair.
struct ReferenceSides: Hashable, Sendable {
  var chosen: Double
  var rejected: Double
}

/// Why a file of a cache is not used.
struct ReferenceCacheDamage: Error, CustomStringConvertible {
  let description: String
}

/// A file of log-probabilities: a header, then for each pair, ordered by digest, 16 bytes of digest and two float64 (chosen
/// side, rejected side), all little-endian.
///
/// The header: 8 bytes of magic, the format's version, 32 bytes of SHA-256 over all that follows it, the key (32 bytes), and
/// the number of pairs.
enum ReferenceCacheFile {
  typealias Records = [PairDigest: ReferenceSides]

  static let formatVersion: UInt64 = 1
  static let recordSize = 32
  private static let magic = Array("MMDPOREF".utf8)
  private static let checksumOffset = 16
  private static let keyOffset = checksumOffset + 32
  private static let countOffset = keyOffset + 32
  static let headerSize = countOffset + 8

  static func bytes(of records: Records, key: SHA256.Digest) -> Data {
    var covered = Data(key.bytes)
    covered.reserveCapacity(headerSize + records.count * recordSize)
    func append(_ word: UInt64) { withUnsafeBytes(of: word.littleEndian) { covered.append(contentsOf: $0) } }
    append(UInt64(records.count))
    for (digest, sides) in records.sorted(by: { $0.key < $1.key }) {
      for word in [digest.high, digest.low, sides.chosen.bitPattern, sides.rejected.bitPattern] { append(word) }
    }
    var bytes = Data(magic)
    withUnsafeBytes(of: formatVersion.littleEndian) { bytes.append(contentsOf: $0) }
    bytes.append(contentsOf: covered.withUnsafeBytes { SHA256.digest(of: $0).bytes })
    return bytes + covered
  }

  /// - Throws: `ReferenceCacheDamage` when a single bit is not as it was written, or the file is another key's.
  static func records(in data: Data, key: SHA256.Digest) throws(ReferenceCacheDamage) -> Records {
    let outcome = data.withUnsafeBytes { bytes in Result { () throws(ReferenceCacheDamage) in try decode(bytes, key) } }
    return try outcome.get()
  }

  private static func decode(
    _ bytes: UnsafeRawBufferPointer, _ key: SHA256.Digest
  ) throws(ReferenceCacheDamage) -> Records {
    func word(_ offset: Int) -> UInt64 {
      UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
    guard bytes.count >= headerSize else { throw ReferenceCacheDamage(description: "it is cut off") }
    guard bytes[..<magic.count].elementsEqual(magic), word(magic.count) == formatVersion else {
      throw ReferenceCacheDamage(description: "it is no file of log-probabilities of this version")
    }
    let covered = UnsafeRawBufferPointer(rebasing: bytes[keyOffset...])
    guard SHA256.digest(of: covered).bytes.elementsEqual(bytes[checksumOffset..<keyOffset]) else {
      throw ReferenceCacheDamage(description: "its checksum is wrong")
    }
    guard bytes[keyOffset..<countOffset].elementsEqual(key.bytes) else {
      throw ReferenceCacheDamage(description: "it belongs under another name")
    }
    let (count, rest) = (bytes.count - headerSize).quotientAndRemainder(dividingBy: recordSize)
    guard rest == 0, word(countOffset) == UInt64(count) else {
      throw ReferenceCacheDamage(description: "its length does not fit its count")
    }
    var records = Records(minimumCapacity: count)
    for start in stride(from: headerSize, to: bytes.count, by: recordSize) {
      let sides = ReferenceSides(
        chosen: Double(bitPattern: word(start + 16)), rejected: Double(bitPattern: word(start + 24)))
      records[PairDigest(high: word(start), low: word(start + 8))] = sides
    }
    return records
  }
}
