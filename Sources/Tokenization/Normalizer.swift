/// What is done to a text before it is cut: nothing, or Unicode's canonical composition (NFC).
enum Normalizer: Sendable, Equatable {
  case none
  case nfc

  /// The normalized text.
  func normalize(_ text: String) -> String {
    var text = text
    return text.withUTF8 { buffer in
      guard let bytes = buffer.baseAddress else { return "" }
      let view = ClassifiedText(bytes, end: buffer.count, classes: CharacterClasses.table)
      return String(decoding: normalize(view, from: 0), as: UTF8.self)
    }
  }

  /// The normalized bytes of `text.bytes[start..<text.end]`.
  func normalize(_ text: ClassifiedText, from start: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.end - start)
    switch self {
    case .none: bytes.append(contentsOf: UnsafeBufferPointer(start: text.bytes + start, count: text.end - start))
    case .nfc: CanonicalComposition.shared.compose(text, from: start, into: &bytes)
    }
    return bytes
  }

  /// Whether normalizing would leave `text.bytes[start..<text.end]` unchanged. It may wrongly say no, but never yes.
  func leavesAlone(_ text: ClassifiedText, from start: Int) -> Bool {
    guard self != .none else { return true }
    let inert = CharacterClasses.inert
    var position = start
    while position < text.end {
      if text.bytes[position] < 0x80 {
        position += 1
        continue
      }
      let (bit, next) = text.classBit(at: position)
      if bit & inert == 0 { return false }
      position = next
    }
    return true
  }
}
