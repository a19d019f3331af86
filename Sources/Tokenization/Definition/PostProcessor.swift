import OrderedJSON

/// The special tokens around a single text, as `addSpecialTokens` asks for them.
struct PostProcessor: Sendable, Equatable {
  /// Before the text: a beginning-of-sequence token, say.
  var prefix: [Int32] = []
  /// After it.
  var suffix: [Int32] = []
}

extension PostProcessor {
  /// Reads the `post_processor` of a `tokenizer.json`.
  init(_ field: Field) throws(TokenizerError) {
    if field.isNull { return }
    switch try field.type() {
    // It trims offsets, which are not used here.
    case "ByteLevel": break
    case "TemplateProcessing": try read(template: field)
    case "RobertaProcessing", "BertProcessing":
      prefix = [try Self.id(ofPair: field["cls"])]
      suffix = [try Self.id(ofPair: field["sep"])]
    case "Sequence":
      for element in try field["processors"].elements() {
        let next = try PostProcessor(element)
        prefix = next.prefix + prefix
        suffix += next.suffix
      }
    case let type:
      throw field.unsupported(
        "the post-processor \(type)",
        supported: "ByteLevel, TemplateProcessing, RobertaProcessing, BertProcessing, Sequence, null")
    }
  }

  /// Reads `single`: special tokens and, once, the text.
  private mutating func read(template field: Field) throws(TokenizerError) {
    var hasText = false
    for piece in try field["single"].elements() {
      if !piece["Sequence"].isNull {
        guard try piece["Sequence"]["id"].string() == "A", !hasText else {
          throw piece.unsupported("a second text", supported: "one text, A, and special tokens around it")
        }
        hasText = true
        continue
      }
      let name = try piece["SpecialToken"]["id"].string()
      let token = field["special_tokens"][name]
      for id in try token["ids"].elements() {
        if hasText { suffix.append(try id.id()) } else { prefix.append(try id.id()) }
      }
    }
    guard hasText else { throw field["single"].unsupported("without a text", supported: "one text, A") }
  }

  /// The id of `["</s>", 2]`.
  private static func id(ofPair field: Field) throws(TokenizerError) -> Int32 {
    let pair = try field.elements()
    guard pair.count == 2 else { throw field.malformed("a token and its id") }
    return try pair[1].id()
  }
}
