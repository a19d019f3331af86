import Tokenization

/// The special tokens of a tokenizer: control marks that no text should hold, and with which an answer ends.
public struct SpecialTokens: Sendable {
  /// Their ids.
  let ids: Set<Int32>
  /// Their spellings in UTF-8, in the order of their ids.
  let spellings: [(id: Int32, bytes: [UInt8])]

  /// Those of a tokenizer.
  public init(of tokenizer: Tokenizer) {
    self.init(
      tokenizer.specialTokenIDs.reduce(into: [:]) { spellings, id in
        if let token = tokenizer.token(of: id) { spellings[id] = token }
      })
  }

  /// Special tokens with their spellings.
  package init(_ spellings: [Int32: String]) {
    ids = Set(spellings.keys)
    self.spellings = spellings.filter { !$0.value.isEmpty }.sorted { $0.key < $1.key }
      .map { ($0.key, Array($0.value.utf8)) }
  }

  /// The first special token that is spelled out in a text; nil if there is none.
  func first(in text: String) -> String? {
    let firstBytes = Set(spellings.compactMap(\.bytes.first))
    var text = text
    return text.withUTF8 { bytes in
      for place in bytes.indices where firstBytes.contains(bytes[place]) {
        for (_, spelling) in spellings where bytes[place...].starts(with: spelling) {
          return String(decoding: spelling, as: UTF8.self)
        }
      }
      return nil
    }
  }
}
