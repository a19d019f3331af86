/// Characters, escapes and bracketed classes.
extension PatternParser {
  /// What a backslash can begin.
  enum Escape {
    case scalar(UInt32)
    case property(ClassMask)
  }

  /// One character as a set, with its other cases where case does not matter.
  func literal(_ value: UInt32, ignoringCase: Bool) throws(PatternError) -> ScalarSet {
    ScalarSet(ranges: ignoringCase ? try bothCases(of: value...value) : [value...value])
  }

  /// The rest of `[…]`.
  mutating func bracket(ignoringCase: Bool) throws(PatternError) -> ScalarSet {
    let isComplement = skip("^")
    var mask: ClassMask = 0
    var ranges: [ClosedRange<UInt32>] = []
    var isFirst = true
    while true {
      guard let next = current else { throw refusal("a [ without its ]") }
      if next == "]" {
        if isFirst { throw refusal("an empty class") }
        position += 1
        return ScalarSet(mask: mask, ranges: ranges, isComplement: isComplement)
      }
      if next == "[" { throw refusal("a class within a class") }
      if skip("&&") { throw refusal("&& in a class") }
      isFirst = false
      switch try member(ignoringCase: ignoringCase) {
      case .property(let property):
        mask |= property
        if current == "-", position + 1 < pattern.count, pattern[position + 1] != "]" {
          throw refusal("a range that begins with a property")
        }
      case .scalar(let low):
        var range = low...low
        // A hyphen before the closing bracket is a hyphen.
        if current == "-", position + 1 < pattern.count, pattern[position + 1] != "]" {
          position += 1
          guard current != "[", case .scalar(let high) = try member(ignoringCase: ignoringCase), high >= low else {
            throw refusal("a range that does not ascend")
          }
          range = low...high
        }
        ranges += ignoringCase ? try bothCases(of: range) : [range]
      }
    }
  }

  private mutating func member(ignoringCase: Bool) throws(PatternError) -> Escape {
    guard let next = current else { throw refusal("a [ without its ]") }
    if next == "\\" { return try escape(ignoringCase: ignoringCase) }
    position += 1
    return .scalar(next.value)
  }

  /// An escape, from its backslash on.
  mutating func escape(ignoringCase: Bool) throws(PatternError) -> Escape {
    position += 1
    guard let next = current else { throw refusal("a backslash at the end") }
    position += 1
    switch next {
    case "n": return .scalar(0x0A)
    case "r": return .scalar(0x0D)
    case "t": return .scalar(0x09)
    case "f": return .scalar(0x0C)
    case "v": return .scalar(0x0B)
    case "a": return .scalar(0x07)
    case "e": return .scalar(0x1B)
    case "s": return .property(CharacterClasses.space)
    case "S": return .property(~CharacterClasses.space)
    case "d": return .property(CharacterClasses.mask(of: .Nd))
    case "D": return .property(~CharacterClasses.mask(of: .Nd))
    case "w": return .property(CharacterClasses.word)
    case "W": return .property(~CharacterClasses.word)
    case "p": return .property(try property(ignoringCase: ignoringCase))
    case "P": return .property(~(try property(ignoringCase: ignoringCase)))
    case "x": return .scalar(try hexadecimal(skip("{") ? nil : 2))
    case "u": return .scalar(try hexadecimal(4))
    default:
      guard next.isASCII, !next.properties.isAlphabetic, next.properties.numericType == nil, next.value >= 0x20 else {
        throw refusal("\\\(next)")
      }
      return .scalar(next.value)
    }
  }

  /// Exactly some digits, or those up to a closing brace.
  private mutating func hexadecimal(_ count: Int?) throws(PatternError) -> UInt32 {
    var digits = ""
    while let next = current, next.isASCII, next.properties.isASCIIHexDigit, digits.count < count ?? 8 {
      digits.unicodeScalars.append(next)
      position += 1
    }
    guard let value = UInt32(digits, radix: 16), Unicode.Scalar(value) != nil,
      count.map({ $0 == digits.count }) ?? skip("}")
    else { throw refusal("a character number that is none") }
    // Oniguruma takes \xHH above 7F for a byte of a longer sequence.
    if count == 2, value > 0x7F { throw refusal("\\x above 7F without braces") }
    return value
  }

  private mutating func property(ignoringCase: Bool) throws(PatternError) -> ClassMask {
    guard skip("{") else { throw refusal("\\p without braces") }
    let isComplement = skip("^")
    var name = ""
    while let next = current, next != "}" {
      name.unicodeScalars.append(next)
      position += 1
    }
    guard skip("}"), let mask = Self.mask(ofProperty: name) else { throw refusal("\\p{\(name)}") }
    if ignoringCase, name != "L", name.hasPrefix("L"), !["Lm", "Lo"].contains(name) {
      throw refusal("\\p{\(name)} where case is ignored")
    }
    return isComplement ? ~mask : mask
  }

  private static func mask(ofProperty name: String) -> ClassMask? {
    let categories = GeneralCategory.allCases.filter { "\($0)" == name || (name.count == 1 && "\($0)".hasPrefix(name)) }
    return categories.isEmpty ? nil : CharacterClasses.mask(of: categories)
  }
}

/// Case folding, as far as it goes: the letters A to Z and the two characters outside ASCII that fold to them.
extension PatternParser {
  private func bothCases(of range: ClosedRange<UInt32>) throws(PatternError) -> [ClosedRange<UInt32>] {
    var ranges = [range]
    for value in range {
      guard let scalar = Unicode.Scalar(value) else { continue }
      guard scalar.isASCII else {
        if scalar.properties.isCased { throw refusal("a letter outside ASCII where case is ignored") }
        // No need to look at whole planes of characters without case.
        if range.count > 0x300 { throw refusal("a large range where case is ignored") }
        continue
      }
      guard scalar.properties.isAlphabetic else { continue }
      ranges.append((value ^ 0x20)...(value ^ 0x20))
      if value | 0x20 == 0x73 { ranges.append(0x17F...0x17F) }
      if value | 0x20 == 0x6B { ranges.append(0x212A...0x212A) }
    }
    return ranges
  }

  /// Refuses letters that, in a row, fold to one character (ß, ﬁ, ﬆ, ẖ …): the engine folds one to one.
  func refuseLigatures(_ nodes: [PatternNode]) throws(PatternError) {
    let folding: Set<String> = ["ss", "ff", "fi", "fl", "st"]
    func letter(_ node: PatternNode) -> Unicode.Scalar? {
      guard case .set(let set) = node, !set.isComplement, let low = set.ranges.first, low.count == 1 else { return nil }
      return Unicode.Scalar(low.lowerBound | 0x20)
    }
    for (left, right) in zip(nodes, nodes.dropFirst()) {
      guard let left = letter(left), let right = letter(right) else { continue }
      if folding.contains("\(left)\(right)") { throw refusal("the letters \(left)\(right) where case is ignored") }
    }
  }
}
