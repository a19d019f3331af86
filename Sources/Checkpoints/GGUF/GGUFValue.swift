import Foundation

/// A value of the metadata of a GGUF file, as `docs/gguf.md` of ggml describes them.
public enum GGUFValue: Hashable, Sendable {
  case uint32(UInt32)
  case float32(Float)
  case bool(Bool)
  case string(String)
  case strings([String])
  case int32s([Int32])

  private static let stringType: UInt32 = 8

  /// The number of its type.
  private var type: UInt32 {
    switch self {
    case .uint32: 4
    case .float32: 6
    case .bool: 7
    case .string: Self.stringType
    case .strings, .int32s: 9
    }
  }

  /// Its type and its bytes.
  func append(to bytes: inout [UInt8]) {
    bytes.append(little: type)
    switch self {
    case .uint32(let number): bytes.append(little: number)
    case .float32(let number): bytes.append(little: number.bitPattern)
    case .bool(let isTrue): bytes.append(isTrue ? 1 : 0)
    case .string(let text): bytes.append(gguf: text)
    case .strings(let texts):
      bytes.append(little: Self.stringType)
      bytes.append(little: UInt64(texts.count))
      for text in texts { bytes.append(gguf: text) }
    case .int32s(let numbers):
      bytes.append(little: UInt32(5))
      bytes.append(little: UInt64(numbers.count))
      for number in numbers { bytes.append(little: number) }
    }
  }
}

extension [UInt8] {
  /// A number, its lowest byte first.
  mutating func append(little number: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
  }

  /// A text with its length before it.
  mutating func append(gguf text: String) {
    append(little: UInt64(text.utf8.count))
    append(contentsOf: text.utf8)
  }
}
