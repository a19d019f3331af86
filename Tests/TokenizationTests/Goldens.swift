import Foundation
import OrderedJSON
import Testing
import Tokenization

/// The files that Tools/reference/tokenizer_goldens.py writes.
enum Goldens {
  static func url(_ name: String) throws -> URL {
    let folder = try #require(Bundle.module.url(forResource: "Goldens", withExtension: nil))
    return folder.appendingPathComponent(name)
  }

  static func json(_ name: String) throws -> JSON { try JSON(parsing: Data(contentsOf: url(name))) }

  static func tokenizer(_ name: String) throws -> Tokenizer {
    try Tokenizer(contentsOf: url("\(name).tokenizer.json"))
  }

  /// The texts that all expectations are about.
  static func texts() throws -> [String] { try #require(json("texts.json").array).compactMap(\.string) }

  static func expectations(_ name: String) throws -> Expectations {
    let json = try json("\(name).ids.json")
    return Expectations(
      ids: try #require(json["ids"]?.array).map(\.ids),
      withSpecialTokens: try #require(json["with_special_tokens"]?.array).map(\.ids),
      decoded: try #require(json["decoded"]?.array).map { row in
        (
          ids: try #require(row[0]).ids, text: try #require(row[1]?.string),
          withoutSpecialTokens: try #require(row[2]?.string)
        )
      })
  }

  /// What Hugging Face's library says.
  struct Expectations {
    /// Of each text.
    let ids: [[Int32]]
    /// Of the first texts, post-processed.
    let withSpecialTokens: [[Int32]]
    let decoded: [(ids: [Int32], text: String, withoutSpecialTokens: String)]
  }
}

extension JSON {
  var ids: [Int32] { array?.compactMap { $0.int.map(Int32.init) } ?? [] }
}

extension String {
  /// Equality byte by byte: Swift's own takes canonically equivalent texts for equal.
  func hasSameBytes(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
