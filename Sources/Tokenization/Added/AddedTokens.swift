/// The added tokens of a tokenizer, ready to be found in texts.
struct AddedTokens: Sendable {
  /// Those looked for in the original text.
  let plain: AddedTokenFinder
  /// Those looked for in the normalized text.
  let normalized: AddedTokenFinder

  /// Prepares tokens.
  init(_ tokens: [AddedToken], normalizer: Normalizer) {
    // Special tokens first: of equal texts the first is the one that is found.
    let ordered = tokens.filter(\.isSpecial) + tokens.filter { !$0.isSpecial }
    plain = AddedTokenFinder(ordered.filter { !$0.isNormalized }) { $0.content }
    normalized = AddedTokenFinder(ordered.filter(\.isNormalized)) { normalizer.normalize($0.content) }
  }
}

/// Finds some added tokens in a text.
struct AddedTokenFinder: Sendable {
  private let tokens: [AddedToken]
  private let trie: TokenTrie
  private let space = CharacterClasses.space
  private let singleWord = CharacterClasses.singleWord

  init(_ tokens: [AddedToken], text: (AddedToken) -> String) {
    self.tokens = tokens
    trie = TokenTrie(tokens.map { Array(text($0).utf8) })
  }

  /// Whether there is nothing to find.
  var isEmpty: Bool { tokens.isEmpty }

  /// A part of a text: a token, or the text between tokens.
  struct Part {
    var start: Int
    var end: Int
    /// nil for the text between tokens.
    var id: Int32?
  }

  /// Cuts `text.bytes[start..<text.end]` at the tokens in it, in order.
  ///
  /// A token that swallows white space may reach over the start of the next one, which then counts as well; so does
  /// Hugging Face's.
  func split(_ text: ClassifiedText, from start: Int, into parts: inout [Part]) {
    var position = start
    var done = start
    // Where the white space ended that the latest token swallowed: tokens within it need not look again.
    var swallowedUpTo = start
    while let match = trie.firstMatch(in: text.bytes, from: position, to: text.end) {
      position = match.end
      let token = tokens[match.text]
      if token.isSingleWord, touchesWord(text, textStart: start, match.start, match.end) { continue }
      var (tokenStart, tokenEnd) = (match.start, match.end)
      if token.stripsLeft {
        while tokenStart > done {
          let previous = text.start(ofScalarEndingAt: tokenStart)
          if text.classBit(at: previous).bit & space == 0 { break }
          tokenStart = previous
        }
        tokenStart = max(tokenStart, done)
      }
      if token.stripsRight {
        if tokenEnd > swallowedUpTo { swallowedUpTo = text.endOfRun(of: space, from: tokenEnd) }
        tokenEnd = swallowedUpTo
      }
      if done < tokenStart { parts.append(Part(start: done, end: tokenStart, id: nil)) }
      if tokenStart < tokenEnd { parts.append(Part(start: tokenStart, end: tokenEnd, id: token.id)) }
      done = tokenEnd
    }
    if done < text.end { parts.append(Part(start: done, end: text.end, id: nil)) }
  }

  private func touchesWord(_ text: ClassifiedText, textStart: Int, _ start: Int, _ end: Int) -> Bool {
    if start > textStart, text.classBit(at: text.start(ofScalarEndingAt: start)).bit & singleWord != 0 { return true }
    return text.classBit(at: end).bit & singleWord != 0
  }
}
