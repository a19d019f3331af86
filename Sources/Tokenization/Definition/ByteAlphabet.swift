/// The alphabet in which byte-level vocabularies write bytes: one printable character per byte.
///
/// Bytes that are printable in Latin-1 stand for themselves, the other 68 are U+0100 and following, in order (GPT-2).
enum ByteAlphabet {
  /// The character of each byte.
  static let scalars: [Unicode.Scalar] = {
    var next: UInt32 = 0x100
    return (0...255).map { byte in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return Unicode.Scalar(UInt8(byte))
      default:
        defer { next += 1 }
        // U+0100 to U+0143 are scalars.
        return Unicode.Scalar(next)!
      }
    }
  }()

  /// The byte of each character below U+0144; -1 for those that are not in the alphabet.
  private static let values: [Int16] = {
    var values = [Int16](repeating: -1, count: 0x144)
    for (byte, scalar) in scalars.enumerated() { values[Int(scalar.value)] = Int16(byte) }
    return values
  }()

  /// The bytes of a token; nil when a character is not in the alphabet.
  static func bytes(of token: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(token.utf8.count)
    for scalar in token.unicodeScalars {
      guard scalar.value < 0x144, values[Int(scalar.value)] >= 0 else { return nil }
      bytes.append(UInt8(truncatingIfNeeded: values[Int(scalar.value)]))
    }
    return bytes
  }
}
