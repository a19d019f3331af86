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

extension AddedTokens {
  /// Reads the `added_tokens` of a `tokenizer.json`.
  ///
  /// As in Hugging Face's library, a token of the vocabulary keeps its id there, and any other gets the next free one,
  /// whatever id the file says; in files as they are the two are the same.
  static func read(_ field: Field, vocabulary: ByteTable, size: Int) throws(TokenizerError) -> [AddedToken] {
    if field.isNull { return [] }
    var tokens: [AddedToken] = []
    var indexByContent = ByteTable()
    var largest: Int32 = -1
    for element in try field.elements() {
      _ = try element["id"].id()
      let content = try element["content"].string()
      let isSpecial = try element["special"].bool(default: false)
      var token = AddedToken(
        content: content, id: 0, isSpecial: isSpecial, isSingleWord: try element["single_word"].bool(default: false),
        stripsLeft: try element["lstrip"].bool(default: false), stripsRight: try element["rstrip"].bool(default: false),
        isNormalized: try element["normalized"].bool(default: !isSpecial))
      if content.isEmpty { continue }
      if let known = indexByContent.id(for: content) {
        // The later entry describes the token.
        token.id = tokens[Int(known)].id
        tokens[Int(known)] = token
        continue
      }
      token.id = vocabulary.id(for: content) ?? (Int(largest) >= size ? largest + 1 : Int32(size))
      largest = max(largest, token.id)
      indexByContent.set(Int32(tokens.count), for: content.utf8)
      tokens.append(token)
    }
    return tokens
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
