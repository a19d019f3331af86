/// The checksum of TFRecord files: CRC-32C (Castagnoli, reflected polynomial 0x82F63B78, as in RFC 3720), a byte at a
/// time over a table. A run writes kilobytes, so this is fast enough.
package enum CRC32C {
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
  }

  /// The checksum of some bytes.
  package static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
    ~bytes.reduce(~UInt32(0)) { value, byte in value >> 8 ^ table[Int((value ^ UInt32(byte)) & 0xFF)] }
  }

  /// The checksum as TFRecord stores it: rotated right by 15 bits, plus a constant, since checksums of data that holds
  /// checksums are weak.
  package static func masked(_ bytes: some Sequence<UInt8>) -> UInt32 {
    let sum = checksum(bytes)
    return (sum >> 15 | sum << 17) &+ 0xA282_EAD8
  }
}
