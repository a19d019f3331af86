/// The framing of TensorBoard's event files: length (8 bytes, little-endian), its masked checksum (4), the payload, its
/// masked checksum (4).
package enum TFRecord {
  /// A payload in its frame.
  package static func frame(_ payload: [UInt8]) -> [UInt8] {
    let length = bytes(of: UInt64(payload.count))
    return length + bytes(of: CRC32C.masked(length)) + payload + bytes(of: CRC32C.masked(payload))
  }

  private static func bytes(of number: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
  }
}
