import OrderedJSON

/// The `model` of a `tokenizer.json`.
struct BPEModel {
  /// Ids by token.
  let names: ByteTable
  /// Tokens by id.
  let tokens: [String?]
  /// The number of tokens.
  let size: Int
  let vocabulary: Vocabulary

  /// Reads the model.
  init(_ field: Field) throws(TokenizerError) {
    try Self.refuseOtherModels(field)
    guard let members = field["vocab"].json.object else { throw field["vocab"].malformed("an object of ids by token") }
    var names = ByteTable()
    var tokens: [String?] = []
    for (token, value) in members {
      let id = try Field(json: value, path: "model.vocab[\"\(token)\"]", file: field.file).id()
      names.set(id, for: token.utf8)
      if tokens.count <= id { tokens += [String?](repeating: nil, count: Int(id) + 1 - tokens.count) }
      tokens[Int(id)] = token
    }
    self.names = names
    self.tokens = tokens
    size = names.count

    let merges = try Self.merges(field["merges"], names: names)
    let byteTokens = ByteAlphabet.scalars.map { names.id(for: String($0)) ?? -1 }
    let unknown = field["unk_token"].isNull ? nil : names.id(for: try field["unk_token"].string())
    if unknown == nil, !field["unk_token"].isNull, byteTokens.contains(-1) {
      throw field["unk_token"].malformed("a token of the vocabulary, as not every byte has a token")
    }
    var wholeWords: ByteTable?
    if try field["ignore_merges"].bool(default: false) {
      var words = ByteTable()
      for (id, token) in tokens.enumerated() {
        if let token, let bytes = ByteAlphabet.bytes(of: token) { words.set(Int32(id), for: bytes) }
      }
      wholeWords = words
    }
    vocabulary = Vocabulary(
      byteTokens: FixedBuffer(byteTokens), merges: MergeTable(merges), wholeWords: wholeWords, unknown: unknown,
      fusesUnknown: try field["fuse_unk"].bool(default: false))
  }

  private static func refuseOtherModels(_ field: Field) throws(TokenizerError) {
    // Early files leave the type out.
    let type = field["type"].isNull ? "BPE" : try field.type()
    guard type == "BPE" else { throw field.unsupported("the model \(type)", supported: "BPE") }
    if let dropout = field["dropout"].json.double, dropout != 0 {
      throw field["dropout"].unsupported("\(dropout)", supported: "null or 0")
    }
    if try field["byte_fallback"].bool(default: false) {
      throw field["byte_fallback"].unsupported("true", supported: "false, as in byte-level BPE")
    }
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] where !field[key].isNull {
      let text = try field[key].string()
      if !text.isEmpty { throw field[key].unsupported("\"\(text)\"", supported: "null or an empty string") }
    }
  }

  /// The merges, in either spelling: `"a b"` or `["a", "b"]`.
  private static func merges(
    _ field: Field, names: ByteTable
  ) throws(TokenizerError) -> [(left: Int32, right: Int32, result: Int32)] {
    guard let elements = field.json.array else { throw field.malformed("an array of pairs of tokens") }
    var merges: [(left: Int32, right: Int32, result: Int32)] = []
    merges.reserveCapacity(elements.count)
    for (index, element) in elements.enumerated() {
      func malformed(_ expected: String) -> TokenizerError {
        .malformed(file: field.file, field: "\(field.path)[\(index)]", expected: expected)
      }
      let parts: [String]
      switch element {
      case .string(let line):
        if line.hasPrefix("#version") { continue }
        parts = line.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false).map { String($0) ?? "" }
      case .array(let pair):
        parts = pair.compactMap(\.string)
      default:
        parts = []
      }
      guard parts.count == 2 else { throw malformed("two tokens, as \"a b\" or [\"a\", \"b\"]") }
      guard let left = names.id(for: parts[0]), let right = names.id(for: parts[1]) else {
        throw malformed("two tokens of the vocabulary, not \"\(parts[0])\" and \"\(parts[1])\"")
      }
      guard let result = names.id(for: parts[0] + parts[1]) else {
        throw malformed("a pair whose join \"\(parts[0] + parts[1])\" is in the vocabulary")
      }
      merges.append((left, right, result))
    }
    return merges
  }
}
