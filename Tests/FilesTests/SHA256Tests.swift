import CSHA256
import Files
import Foundation
import Testing

@Suite("SHA-256")
struct SHA256Tests {
  /// NIST's examples for FIPS 180-4 and its additional test vectors for SHA-256: bytes, how often they are repeated, digest.
  static let vectors: [(bytes: [UInt8], count: Int, digest: String)] = [
    (Array("abc".utf8), 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8), 1,
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      Array(
        ("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
          + "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu").utf8), 1,
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
    ),
    (Array("a".utf8), 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ([], 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ([0xBD], 1, "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b"),
    ([0xC9, 0x8C, 0x8E, 0x55], 1, "7abc22c0ae5af26ce93dbb94433a0e0b2e119d014f8e7f65bd56c61ccccd9504"),
    ([0], 55, "02779466cdec163811d078815c633f21901413081449002f24aa3e80f0b88ef7"),
    ([0], 56, "d4817aa5497628e7c77e6b606107042bbba3130888c5f47a375e6179be789fbb"),
    ([0], 57, "65a16cb7861335d5ace3c60718b5052e44660726da4cd13bb745381b235a1785"),
    ([0], 64, "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b"),
    ([0], 1000, "541b3e9daa09b20bf85fa273e5cbd3e80185aa4ec298e765db87742b70138a53"),
    ([0x41], 1000, "c2e686823489ced2017f6059b8b239318b6364f6dcd835d0a519105a1eadd6e4"),
    ([0x55], 1005, "f4d62ddec0f3dd90ea1380fa16a5ff8dc4c54b21740650f24afc4120903552b0"),
    ([0], 1_000_000, "d29751f2649b32ff572b5e0a9f541ea660a50f94ff0beedfb0b692b924cc8025"),
  ]

  @Test("Digests are those of NIST's test vectors")
  func nist() {
    for (bytes, count, digest) in Self.vectors {
      let message = (0..<count).flatMap { _ in bytes }
      #expect(message.withUnsafeBytes { SHA256.digest(of: $0).description } == digest, "\(count) × \(bytes.prefix(4))")
    }
  }

  /// Python: the SHA-256 of the digests, one after the other, of `bytes((i * 31 + n) % 256 for i in range(n))` for n below
  /// 300, by `hashlib`.
  @Test("Messages of every length up to 299 bytes have the digests of Python's hashlib, however they are cut")
  func lengths() {
    var (whole, cut) = (SHA256(), SHA256())
    for count in 0..<300 {
      let message = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 31 + count) }
      message.withUnsafeBytes { SHA256.digest(of: $0).bytes.withUnsafeBytes { whole.update($0) } }
      var pieces = SHA256()
      for piece in message.chunks(of: 1 + count % 67) { piece.withUnsafeBytes { pieces.update($0) } }
      pieces.digest.bytes.withUnsafeBytes { cut.update($0) }
    }
    #expect(whole.digest.description == "148b894486945a24e834868db010090f61da189d018f0bf543b188081480175d")
    #expect(cut.digest == whole.digest)
  }

  @Test("A digest can be taken on the way, and more may follow")
  func onTheWay() {
    var hash = SHA256()
    Array("ab".utf8).withUnsafeBytes { hash.update($0) }
    let early = hash.digest
    #expect(hash.digest == early)
    Array("c".utf8).withUnsafeBytes { hash.update($0) }
    #expect(hash.digest.description == Self.vectors[0].digest)
  }

  @Test("Plain C computes what the processor's instructions do")
  func portable() {
    let blocks = (0..<64 * 257).map { UInt8(truncatingIfNeeded: $0 &* 197 &+ $0 >> 7) }
    var (fast, plain) = (Array(1...8) as [UInt32], Array(1...8) as [UInt32])
    csha256_compress(&fast, blocks, 257)
    csha256_compress_portably(&plain, blocks, 257)
    #expect(fast == plain)
    #expect(fast != Array(1...8))
  }
}

extension Array {
  /// Consecutive pieces of a length; the last may be shorter.
  fileprivate func chunks(of length: Int) -> [[Element]] {
    stride(from: 0, to: count, by: length).map { Array(self[$0..<Swift.min($0 + length, count)]) }
  }
}
