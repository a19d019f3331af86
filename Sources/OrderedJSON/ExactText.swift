/// A text that is compared by its code points, as Python compares strings.
///
/// Swift's own `==`, and so every `Dictionary`, `Set` and `switch` over strings, treats canonically equivalent strings as
/// equal: "é" as one code point and "e" with a combining accent. A tokenizer gives them different tokens, and in Python
/// they are different keys. So text from a file is compared with `isSameText(as:)` and looked up in a `TextDictionary` or
/// a set of `ExactText`.
public struct ExactText: Hashable, Comparable, Sendable, ExpressibleByStringInterpolation, CustomStringConvertible {
  /// The text itself.
  public let string: String

  /// Takes a text.
  public init(_ string: String) { self.string = string }

  /// Takes a text.
  public init(stringLiteral value: String) { string = value }

  /// The text itself.
  public var description: String { string }

  /// Whether both are the same code points.
  public static func == (left: ExactText, right: ExactText) -> Bool { left.string.isSameText(as: right.string) }

  /// The order of Python's strings: by code points, which is also the order of the bytes of UTF-8.
  public static func < (left: ExactText, right: ExactText) -> Bool { left.string.precedesText(right.string) }

  /// Hashes the bytes of UTF-8.
  public func hash(into hasher: inout Hasher) {
    string.withUTF8Bytes { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    hasher.combine(0xFF as UInt8)  // never a byte of UTF-8, so it ends the text
  }
}

extension String {
  /// Whether both texts are the same code points; canonically equivalent texts are not.
  public func isSameText(as other: String) -> Bool {
    withUTF8Bytes { a in
      other.withUTF8Bytes { b in a.count == b.count && (a.baseAddress == b.baseAddress || a.elementsEqual(b)) }
    }
  }

  /// Whether this text comes before another in the order of their code points.
  public func precedesText(_ other: String) -> Bool {
    withUTF8Bytes { a in other.withUTF8Bytes { b in a.lexicographicallyPrecedes(b) } }
  }

  /// Whether the text starts with these code points.
  public func hasTextPrefix(_ prefix: String) -> Bool {
    withUTF8Bytes { a in prefix.withUTF8Bytes { b in a.starts(with: b) } }
  }

  /// Whether the text ends with these code points.
  public func hasTextSuffix(_ suffix: String) -> Bool {
    withUTF8Bytes { a in suffix.withUTF8Bytes { b in a.count >= b.count && a.suffix(b.count).elementsEqual(b) } }
  }

  /// Hands the bytes of UTF-8 to a closure, without a copy if the text is stored as UTF-8.
  @inline(__always)
  package func withUTF8Bytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
    if let result = utf8.withContiguousStorageIfAvailable(body) { return result }
    var copy = self
    return copy.withUTF8(body)
  }
}

extension Sequence<String> {
  /// Whether a text is among these, compared by code points.
  public func containsText(_ text: String) -> Bool { contains { $0.isSameText(as: text) } }
}
