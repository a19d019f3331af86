/// Searches for short texts, by code points, in a text that is still coming.
enum TextSearch {
  /// The first place of any of the texts; of those that begin at the same place the longest.
  static func first(of texts: [String], in all: String) -> (text: String, range: Range<String.Index>)? {
    texts.compactMap { text in all.unicodeScalars.firstRange(of: text.unicodeScalars).map { (text, $0) } }
      .min { ($0.1.lowerBound, $1.1.upperBound) < ($1.1.lowerBound, $0.1.upperBound) }
  }

  /// How many code points at the end of a text could be the beginning of one of the texts.
  static func beginning(of texts: [String], endingIn all: String) -> Int {
    texts.map { text in
      let scalars = Array(text.unicodeScalars)
      let end = Array(all.unicodeScalars.suffix(scalars.count - 1))
      return (0...end.count).reversed().first { end.suffix($0).elementsEqual(scalars.prefix($0)) } ?? 0
    }.max() ?? 0
  }
}

/// Finds where an answer is to stop: before the first of some texts.
struct StopFinder: Sendable {
  private let texts: [String]
  private var held = ""

  /// - Parameter texts: none of them empty
  init(_ texts: [String]) { self.texts = texts }

  /// Takes the next piece; returns what certainly stands before any stop, and whether one was found.
  mutating func append(_ text: String) -> (text: String, isFound: Bool) {
    guard !texts.isEmpty else { return (text, false) }
    held += text
    if let (_, range) = TextSearch.first(of: texts, in: held) {
      defer { held = "" }
      return (String(held.unicodeScalars[..<range.lowerBound]), true)
    }
    let kept = TextSearch.beginning(of: texts, endingIn: held)
    defer { held = String(held.unicodeScalars.suffix(kept)) }
    return (String(held.unicodeScalars.dropLast(kept)), false)
  }

  /// What was held back, where the text ends without a stop.
  mutating func finish() -> String {
    defer { held = "" }
    return held
  }
}
