/// The checksum of zip files: CRC-32 with the reversed polynomial 0xEDB88320 (ISO 3309, as PKWARE's APPNOTE 4.4.7
/// prescribes), computed over 8 bytes at a time with one table per byte ("slicing by 8").
struct CRC32 {
  private static let polynomial: UInt32 = 0xEDB8_8320
  private var state: UInt32 = 0xFFFF_FFFF

  /// The checksum of all bytes so far.
  var value: UInt32 { ~state }

  /// The checksum of bytes.
  static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var checksum = CRC32()
    checksum.update(bytes)
    return checksum.value
  }

  /// Adds bytes.
  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    var crc = state
    Self.tables.withUnsafeBufferPointer { tables in
      var position = 0
      while position + 8 <= bytes.count {
        let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)) ^ UInt64(crc)
        // Byte k of the word is followed by 7 − k more bytes; table 7 − k has the result.
        var next: UInt32 = 0
        for byte in 0..<8 {
          let value = Int(truncatingIfNeeded: word >> UInt64(8 * byte)) & 0xFF
          next ^= tables[256 * (7 - byte) + value]
        }
        crc = next
        position += 8
      }
      while position < bytes.count {
        crc = tables[Int((crc ^ UInt32(bytes[position])) & 0xFF)] ^ (crc >> 8)
        position += 1
      }
    }
    state = crc
  }

  /// Table k, at 256·k: the checksum of a byte followed by k zero bytes.
  private static let tables: [UInt32] = {
    var tables: [UInt32] = []
    for byte in UInt32(0)..<256 {
      var crc = byte
      for _ in 0..<8 { crc = crc & 1 == 1 ? polynomial ^ (crc >> 1) : crc >> 1 }
      tables.append(crc)
    }
    for index in 256..<2048 {
      let before = tables[index - 256]
      tables.append(tables[Int(before & 0xFF)] ^ (before >> 8))
    }
    return tables
  }()
}
