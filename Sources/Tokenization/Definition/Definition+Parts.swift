import OrderedJSON

extension Normalizer {
  /// Reads the `normalizer` of a `tokenizer.json`.
  init(_ field: Field) throws(TokenizerError) {
    if field.isNull {
      self = .none
      return
    }
    switch try field.type() {
    case "NFC": self = .nfc
    case "Sequence":
      var normalizer = Normalizer.none
      for element in try field["normalizers"].elements() {
        if try Normalizer(element) == .nfc { normalizer = .nfc }
      }
      self = normalizer
    case let type:
      throw field.unsupported("the normalizer \(type)", supported: "NFC, Sequence, null")
    }
  }
}

extension PreTokenizer {
  private static let supported =
    "ByteLevel, alone or at the end of a Sequence of Split, Digits and Punctuation"

  /// Reads the `pre_tokenizer` of a `tokenizer.json`.
  init(_ field: Field) throws(TokenizerError) {
    if field.isNull { throw field.unsupported("null", supported: Self.supported) }
    var steps = try Self.steps(field)
    guard let last = steps.popLast(), try last.type() == "ByteLevel" else {
      throw field.unsupported("without ByteLevel at its end", supported: Self.supported)
    }
    for step in steps { splitters.append(try Splitter(step, supported: Self.supported)) }
    addsPrefixSpace = try last["add_prefix_space"].bool(default: true)
    prefixStage = splitters.count
    if try last["use_regex"].bool(default: true) {
      splitters.append(Splitter(pattern: .words(.gpt2), behavior: .isolated, isInverted: false))
    }
  }

  /// The steps of sequences, and of sequences in them, in order.
  private static func steps(_ field: Field) throws(TokenizerError) -> [Field] {
    guard try field.type() == "Sequence" else { return [field] }
    var steps: [Field] = []
    for element in try field["pretokenizers"].elements() { steps += try self.steps(element) }
    return steps
  }
}

extension Splitter {
  /// Reads a pre-tokenizer that splits.
  init(_ field: Field, supported: String) throws(TokenizerError) {
    switch try field.type() {
    case "Split":
      self.init(
        pattern: try Self.pattern(field["pattern"]), behavior: try Self.behavior(field["behavior"]),
        isInverted: try field["invert"].bool(default: false))
    case "Digits":
      let isEach = try field["individual_digits"].bool(default: false)
      self.init(
        pattern: .characters(CharacterClasses.numeric), behavior: isEach ? .isolated : .contiguous, isInverted: false)
    case "Punctuation":
      self.init(
        pattern: .characters(CharacterClasses.punctuation),
        behavior: field["behavior"].isNull ? .isolated : try Self.behavior(field["behavior"]), isInverted: false)
    case let type:
      throw field.unsupported("the pre-tokenizer \(type) at this place", supported: supported)
    }
  }

  private static func behavior(_ field: Field) throws(TokenizerError) -> SplitBehavior {
    let name = try field.string()
    guard let behavior = SplitBehavior(rawValue: name) else {
      throw field.malformed("one of \(SplitBehavior.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return behavior
  }

  private static func pattern(_ field: Field) throws(TokenizerError) -> SplitPattern {
    if let text = field.json["String"]?.string {
      guard !text.isEmpty else {
        throw field["String"].unsupported("empty", supported: "a text of at least a character")
      }
      return .literal(Array(text.utf8))
    }
    let regex = field["Regex"]
    let text = try regex.string()
    if let scanner = WordScanner(pattern: text) { return .words(scanner) }
    do {
      return .regularExpression(try PatternProgram(text))
    } catch {
      throw regex.unsupported(error.found, supported: PatternError.supported)
    }
  }
}
