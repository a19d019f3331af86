/// Reads a regular expression in the syntax of Oniguruma, which Hugging Face `tokenizers` uses.
///
/// Whatever would mean something else there, or nothing that is known here, is refused with its position.
struct PatternParser {
  let pattern: [Unicode.Scalar]
  var position = 0
  private var depth = 0

  private init(_ pattern: String) { self.pattern = Array(pattern.unicodeScalars) }

  /// The tree of a pattern.
  static func parse(_ pattern: String) throws(PatternError) -> PatternNode {
    var parser = PatternParser(pattern)
    let node = try parser.alternation(ignoringCase: false)
    guard parser.position == parser.pattern.count else { throw parser.refusal("an unmatched )") }
    return node
  }

  /// An error about what is just before the current position.
  func refusal(_ what: String) -> PatternError {
    PatternError(found: "\(what) at character \(position) of the regular expression")
  }

  var current: Unicode.Scalar? { position < pattern.count ? pattern[position] : nil }

  /// Steps over a text where it comes next.
  mutating func skip(_ text: String) -> Bool {
    let scalars = Array(text.unicodeScalars)
    guard pattern[position...].starts(with: scalars) else { return false }
    position += scalars.count
    return true
  }

  private mutating func alternation(ignoringCase: Bool) throws(PatternError) -> PatternNode {
    depth += 1
    defer { depth -= 1 }
    guard depth <= 64 else { throw refusal("groups nested more than 64 deep") }
    var ignoringCase = ignoringCase
    var branches = [try sequence(ignoringCase: &ignoringCase)]
    while skip("|") { branches.append(try sequence(ignoringCase: &ignoringCase)) }
    return branches.count == 1 ? branches[0] : .alternation(branches)
  }

  private mutating func sequence(ignoringCase: inout Bool) throws(PatternError) -> PatternNode {
    var nodes: [PatternNode] = []
    while let next = current, next != "|", next != ")" {
      if skip("(?i)") {
        // In Oniguruma a bare option swallows the alternatives that follow; only at the very start does that not matter.
        guard position == 4 else { throw refusal("(?i) other than at the start") }
        ignoringCase = true
        continue
      }
      nodes.append(try quantified(try atom(ignoringCase: ignoringCase)))
    }
    if ignoringCase { try refuseLigatures(nodes) }
    return nodes.count == 1 ? nodes[0] : nodes.isEmpty ? .empty : .sequence(nodes)
  }

  private mutating func quantified(_ atom: PatternNode) throws(PatternError) -> PatternNode {
    let least: Int
    let most: Int?
    var isCounted = false
    if skip("?") {
      (least, most) = (0, 1)
    } else if skip("*") {
      (least, most) = (0, nil)
    } else if skip("+") {
      (least, most) = (1, nil)
    } else if skip("{") {
      (least, most) = try counts()
      isCounted = true
    } else {
      return atom
    }
    if case .assertion = atom { throw refusal("a quantifier after an anchor") }
    if case .look = atom { throw refusal("a quantifier after a look-around") }
    var greed = PatternNode.Greed.greedy
    if skip("?") {
      // `{n}?` is an optional `{n}` in Oniguruma, and lazy elsewhere.
      if isCounted, most == least { throw refusal("{n}?") }
      greed = .lazy
    } else if skip("+") {
      // `{n,m}+` repeats the repetition in Oniguruma, and is possessive elsewhere.
      if isCounted { throw refusal("{n,m}+") }
      greed = .possessive
    }
    if let next = current, "?*+{".unicodeScalars.contains(next) { throw refusal("a quantifier after a quantifier") }
    if most == nil, atom.canBeEmpty { throw refusal("an endless repetition of what can be empty") }
    return .repetition(atom, atLeast: least, atMost: most, greed)
  }

  /// The rest of `{n}`, `{n,}`, `{,m}` or `{n,m}`.
  private mutating func counts() throws(PatternError) -> (Int, Int?) {
    let least = try number()
    var most = least
    if skip(",") {
      most = try number()
      if least == nil, most == nil { throw refusal("{,}") }
    }
    guard skip("}"), least != nil || most != nil else { throw refusal("a { that begins no {n,m}") }
    if let most, most < least ?? 0 { throw refusal("{n,m} with m below n") }
    return (least ?? 0, most)
  }

  private mutating func number() throws(PatternError) -> Int? {
    var value: Int?
    while let digit = current, let number = digit.properties.numericType == .decimal ? Int(String(digit)) : nil {
      value = (value ?? 0) * 10 + number
      position += 1
      guard let value, value <= 1000 else { throw refusal("a count above 1000") }
    }
    return value
  }

  private mutating func atom(ignoringCase: Bool) throws(PatternError) -> PatternNode {
    if skip("(") { return try group(ignoringCase: ignoringCase) }
    if skip("[") { return .set(try bracket(ignoringCase: ignoringCase)) }
    if skip(".") { return .set(ScalarSet(ranges: [10...10], isComplement: true)) }
    if skip("^") { return .assertion(.lineStart) }
    if skip("$") { return .assertion(.lineEnd) }
    for (text, assertion) in [
      (#"\A"#, PatternNode.Assertion.textStart), (#"\z"#, .textEnd), (#"\Z"#, .lastLineEnd), (#"\b"#, .wordBoundary),
      (#"\B"#, .noWordBoundary),
    ] where skip(text) {
      return .assertion(assertion)
    }
    guard let next = current else { throw refusal("an unfinished pattern") }
    if next == "\\" {
      switch try escape(ignoringCase: ignoringCase) {
      case .scalar(let value): return .set(try literal(value, ignoringCase: ignoringCase))
      case .property(let mask): return .set(ScalarSet(mask: mask))
      }
    }
    position += 1
    if "?*+{".unicodeScalars.contains(next) { throw refusal("a quantifier with nothing before it") }
    return .set(try literal(next.value, ignoringCase: ignoringCase))
  }

  private mutating func group(ignoringCase: Bool) throws(PatternError) -> PatternNode {
    var ignoringCase = ignoringCase
    var wrap: (PatternNode) -> PatternNode = { $0 }
    if skip("?:") {
    } else if skip("?i:") {
      ignoringCase = true
    } else if skip("?-i:") {
      ignoringCase = false
    } else if skip("?=") {
      wrap = { .look($0, .ahead, isNegative: false) }
    } else if skip("?!") {
      wrap = { .look($0, .ahead, isNegative: true) }
    } else if skip("?<=") {
      wrap = { .look($0, .behind, isNegative: false) }
    } else if skip("?<!") {
      wrap = { .look($0, .behind, isNegative: true) }
    } else if skip("?>") {
      wrap = { .atomic($0) }
    } else if current == "?" || current == "*" {
      throw refusal("a group of this kind")
    }
    let node = wrap(try alternation(ignoringCase: ignoringCase))
    guard skip(")") else { throw refusal("a group without its )") }
    if case .look(let inner, .behind, _) = node, inner.length == nil {
      throw refusal("a look-behind without a fixed length")
    }
    return node
  }
}
