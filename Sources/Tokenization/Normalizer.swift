import Foundation

/// What is done to a text before it is cut: nothing, or Unicode's canonical composition (NFC).
enum Normalizer: Sendable, Equatable {
  case none
  case nfc

  /// The normalized text.
  func normalize(_ text: String) -> String {
    self == .none ? text : text.precomposedStringWithCanonicalMapping
  }

  /// Whether normalizing would leave `text.bytes[start..<text.end]` as it is. May say no too often, never yes.
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
