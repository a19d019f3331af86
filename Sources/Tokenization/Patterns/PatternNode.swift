/// The tree of a regular expression.
indirect enum PatternNode: Sendable, Equatable {
  case empty
  case set(ScalarSet)
  case sequence([PatternNode])
  case alternation([PatternNode])
  case repetition(PatternNode, atLeast: Int, atMost: Int?, Greed)
  case look(PatternNode, Direction, isNegative: Bool)
  case atomic(PatternNode)
  case assertion(Assertion)

  /// How a repetition chooses its number of rounds: as many as possible, as few as possible, or all and for good.
  enum Greed: Sendable { case greedy, lazy, possessive }

  /// Where a look-around looks.
  enum Direction: Sendable { case ahead, behind }

  /// Conditions on a position that consume nothing.
  enum Assertion: Sendable { case lineStart, lineEnd, textStart, textEnd, lastLineEnd, wordBoundary, noWordBoundary }

  /// The number of scalars of every match, where all matches have the same.
  var length: Int? {
    switch self {
    case .empty, .look, .assertion: return 0
    case .set: return 1
    case .sequence(let nodes):
      return nodes.reduce(0) { total, node in
        guard let total, let length = node.length else { return nil }
        return total + length
      }
    case .alternation(let nodes):
      let lengths = Set(nodes.map(\.length))
      return lengths.count == 1 ? lengths.first ?? nil : nil
    case .repetition(let node, let least, let most, _):
      guard least == most, let length = node.length else { return nil }
      return length.multipliedReportingOverflow(by: least).overflow ? nil : length * least
    case .atomic(let node): return node.length
    }
  }

  /// Whether a match can have no scalars.
  var canBeEmpty: Bool {
    switch self {
    case .empty, .look, .assertion: true
    case .set: false
    case .sequence(let nodes): nodes.allSatisfy(\.canBeEmpty)
    case .alternation(let nodes): nodes.contains(where: \.canBeEmpty)
    case .repetition(let node, let least, _, _): least == 0 || node.canBeEmpty
    case .atomic(let node): node.canBeEmpty
    }
  }

  /// Marks the bytes with which a match can begin; says whether it can be empty, so that anything may follow.
  func addFirstBytes(to first: inout [Bool]) -> Bool {
    switch self {
    case .empty, .look, .assertion: return true
    case .set(let set):
      for byte in 0...255 where set.mayContain(firstByte: UInt8(byte)) { first[byte] = true }
      return false
    case .sequence(let nodes):
      for node in nodes where !node.addFirstBytes(to: &first) { return false }
      return true
    case .alternation(let nodes):
      // No short cut: every branch has to mark its bytes.
      return nodes.map { $0.addFirstBytes(to: &first) }.contains(true)
    case .repetition(let node, let least, let most, _):
      guard most != 0 else { return true }
      return node.addFirstBytes(to: &first) || least == 0
    case .atomic(let node): return node.addFirstBytes(to: &first)
    }
  }
}

/// Why a regular expression was not accepted.
struct PatternError: Error, Equatable, CustomStringConvertible {
  /// What in the pattern is meant, and where.
  let found: String

  /// The subset, for messages.
  static let supported =
    "literals, ., classes ([…] of characters, ranges, \\p{…} of general categories, \\s \\d \\w and their complements), "
    + "groups, (?i:…), alternation, greedy, lazy and possessive quantifiers, look-ahead, look-behind of fixed length, "
    + "(?>…), ^ $ \\A \\z \\Z \\b \\B"

  var description: String { "\(found); supported: \(Self.supported)" }
}
