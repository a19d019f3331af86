import OrderedJSON

/// Under which keys a file keeps the parts of a pair, where these are not the usual ones: `--columns`.
public struct ColumnNames: Hashable, Sendable, CustomStringConvertible {
  /// The parts that can be named.
  static let parts = [
    "prompt", "chosen", "rejected", "system", "tools", "messages", "score_chosen", "score_rejected", "margin",
    "completion", "text",
  ]

  /// What a text names wrongly.
  public struct Mistake: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, and what was expected.
    public let description: String
  }

  /// (part, key), sorted, so that equal names have equal descriptions.
  private var keys: [Column] = []

  private struct Column: Hashable, Sendable {
    var part: String
    var key: String
  }

  /// The usual keys.
  public init() {}

  /// Whether all keys are the usual ones.
  public var isEmpty: Bool { keys.isEmpty }

  /// The names as they are read.
  public var description: String { keys.map { "\($0.part)=\($0.key)" }.joined(separator: ",") }

  /// Reads `part=key,part=key,…`.
  /// - Throws: `Mistake` for an unknown part, one that is named twice, and two parts under one key.
  public init(_ text: String) throws(Mistake) {
    for piece in text.split(separator: ",", omittingEmptySubsequences: false) {
      let words = piece.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard words.count == 2, !words[1].isEmpty else {
        throw Mistake(description: "\"\(piece)\" is not PART=KEY, as in chosen=answer_a,rejected=answer_b")
      }
      guard Self.parts.contains(words[0]) else {
        throw Mistake(
          description: "there is no part \"\(words[0])\"; expected one of \(Self.parts.joined(separator: ", "))")
      }
      if keys.contains(where: { $0.part == words[0] }) {
        throw Mistake(description: "\"\(words[0])\" is named twice")
      }
      if keys.contains(where: { $0.key == words[1] }) {
        throw Mistake(description: "two parts are named \"\(words[1])\"")
      }
      keys.append(Column(part: words[0], key: words[1]))
    }
    keys.sort { $0.part < $1.part }
  }

  /// A line with its parts under the usual keys. What else stood under these is left out.
  /// - Throws: `UnusableRecord` where the line has no prompt or answer under the key that was named.
  func renamed(_ record: JSON.Object) throws(UnusableRecord) -> JSON.Object {
    guard !keys.isEmpty else { return record }
    var result = record
    for column in keys {
      result.removeValue(forKey: column.part)
      result.removeValue(forKey: column.key)
    }
    for column in keys {
      if let value = record[column.key] {
        result[column.part] = value
      } else if ["prompt", "chosen", "rejected", "completion", "text"].contains(column.part) {
        throw UnusableRecord(
          "no \"\(column.key)\", which --columns names as \(column.part); the keys are \(PreferenceFormat.list(record.keys))"
        )
      }
    }
    return result
  }
}
