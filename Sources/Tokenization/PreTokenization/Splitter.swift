/// What a splitting pre-tokenizer looks for.
enum SplitPattern: Sendable {
  /// A pattern with a scanner of its own, which matches everywhere.
  case words(WordScanner)
  /// Any other regular expression.
  case regularExpression(PatternProgram)
  /// A text.
  case literal([UInt8])
  /// Single characters of some classes.
  case characters(ClassMask)
}

/// What becomes of the matches of a splitting pre-tokenizer.
enum SplitBehavior: String, CaseIterable, Sendable {
  case isolated = "Isolated"
  case removed = "Removed"
  case mergedWithPrevious = "MergedWithPrevious"
  case mergedWithNext = "MergedWithNext"
  case contiguous = "Contiguous"
}

/// A pre-tokenizer that cuts a text at matches.
struct Splitter: Sendable {
  let pattern: SplitPattern
  let behavior: SplitBehavior
  /// Whether matches and the text between them change roles.
  let isInverted: Bool

  /// Whether the pieces are just the matches of a pattern that matches everywhere.
  private var keepsMatchesApart: Bool {
    behavior == .isolated || (behavior == .removed && isInverted)
  }

  /// Appends the pieces of `bytes[start..<end]`.
  func split(_ text: ClassifiedText, from start: Int, scratch: inout SplitScratch, into spans: inout Spans) {
    if case .words(let scanner) = pattern, keepsMatchesApart {
      return scanner.scan(text, from: start, into: &spans)
    }
    scratch.matches.removeAll(keepingCapacity: true)
    findMatches(text, from: start, scratch: &scratch)
    switch behavior {
    case .isolated:
      for piece in scratch.matches { spans.append(piece.start, piece.end) }
    case .removed:
      for piece in scratch.matches where !piece.isMatch { spans.append(piece.start, piece.end) }
    case .contiguous:
      merge(scratch.matches, into: &spans) { previous, next in previous == next }
    case .mergedWithPrevious:
      merge(scratch.matches, into: &spans) { previous, next in next && !previous }
    case .mergedWithNext:
      mergeWithNext(scratch.matches, into: &spans)
    }
  }

  /// Joins neighbours where `joins(previous is a match, next is a match)`.
  private func merge(_ pieces: [SplitScratch.Piece], into spans: inout Spans, _ joins: (Bool, Bool) -> Bool) {
    var pending: (start: Int, end: Int)?
    var previous = false
    for piece in pieces {
      if let open = pending, joins(previous, piece.isMatch) {
        pending = (open.start, piece.end)
      } else {
        if let open = pending { spans.append(open.start, open.end) }
        pending = (piece.start, piece.end)
      }
      previous = piece.isMatch
    }
    if let open = pending { spans.append(open.start, open.end) }
  }

  /// Joins a match to what follows, unless that is a match too: the mirror image of joining to what comes before.
  private func mergeWithNext(_ pieces: [SplitScratch.Piece], into spans: inout Spans) {
    for (index, piece) in pieces.enumerated() {
      let next = index + 1 < pieces.count ? pieces[index + 1] : nil
      let previous = index > 0 ? pieces[index - 1] : nil
      if piece.isMatch, let next, !next.isMatch { continue }
      if !piece.isMatch, let previous, previous.isMatch {
        spans.append(previous.start, piece.end)
      } else {
        spans.append(piece.start, piece.end)
      }
    }
  }

  /// Cuts the text into matches and the text between them, in order.
  private func findMatches(_ text: ClassifiedText, from start: Int, scratch: inout SplitScratch) {
    var previous = start
    func add(_ matchStart: Int, _ matchEnd: Int, _ matches: inout [SplitScratch.Piece]) {
      if previous < matchStart { matches.append(.init(start: previous, end: matchStart, isMatch: isInverted)) }
      matches.append(.init(start: matchStart, end: matchEnd, isMatch: !isInverted))
      previous = matchEnd
    }
    switch pattern {
    case .words(let scanner):
      scratch.words.removeAll()
      scanner.scan(text, from: start, into: &scratch.words)
      for (start, end) in scratch.words.elements { add(start, end, &scratch.matches) }
    case .regularExpression(let program):
      var position = start
      var lastEnd = -1
      scratch.matcher.begin(bytes: text.end - start)
      while position <= text.end,
        let match = scratch.matcher.firstMatch(of: program, in: text, start: start, from: position)
      {
        // An empty match right after a match does not count, so that the search moves on.
        if match.start == match.end, match.end == lastEnd {
          position = match.end < text.end ? text.scalar(at: match.end).next : match.end + 1
          continue
        }
        position = match.end
        lastEnd = match.end
        add(match.start, match.end, &scratch.matches)
      }
    case .literal(let literal):
      var position = start
      while position + literal.count <= text.end {
        if literal.indices.allSatisfy({ text.bytes[position + $0] == literal[$0] }) {
          add(position, position + literal.count, &scratch.matches)
          position += literal.count
        } else {
          position += 1
        }
      }
    case .characters(let mask):
      var position = start
      while position < text.end {
        let (bit, next) = text.classBit(at: position)
        if bit & mask != 0 { add(position, next, &scratch.matches) }
        position = next
      }
    }
    if previous < text.end { scratch.matches.append(.init(start: previous, end: text.end, isMatch: isInverted)) }
  }
}

/// Buffers that splitting reuses from text to text.
struct SplitScratch {
  struct Piece {
    var start: Int
    var end: Int
    var isMatch: Bool
  }

  var matches: [Piece] = []
  var words = Spans()
  var matcher = PatternMatcher()
}
