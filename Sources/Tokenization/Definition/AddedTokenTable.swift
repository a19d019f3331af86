/// Gives added tokens their ids, as Hugging Face's library does: a token of the vocabulary keeps its id there, and any other
/// gets the next free one, regardless of the id in the file. In files that were not edited by hand both are the same.
struct AddedTokenTable {
  /// The tokens in the order in which they were added.
  private(set) var tokens: [AddedToken] = []
  private var indexByContent = ByteTable()
  private var largest: Int32 = -1
  private let vocabulary: ByteTable
  private let size: Int

  /// An empty table.
  /// - Parameters:
  ///   - vocabulary: the ids of the model's own tokens.
  ///   - size: the number of the model's own tokens.
  init(vocabulary: ByteTable, size: Int) {
    self.vocabulary = vocabulary
    self.size = size
  }

  /// Adds a token. One that is there already keeps its id and takes the new description; a special token stays one.
  mutating func add(_ token: AddedToken) {
    if token.content.isEmpty { return }
    var token = token
    if let known = indexByContent.id(for: token.content) {
      token.id = tokens[Int(known)].id
      token.isSpecial = token.isSpecial || tokens[Int(known)].isSpecial
      tokens[Int(known)] = token
      return
    }
    token.id = vocabulary.id(for: token.content) ?? (Int(largest) >= size ? largest + 1 : Int32(size))
    largest = max(largest, token.id)
    indexByContent.set(Int32(tokens.count), for: token.content.utf8)
    tokens.append(token)
  }
}

extension AddedToken {
  /// Reads the object that describes a token.
  /// - Parameter isSpecial: overrides what the object says; nil leaves it to the object.
  init(_ field: Field, isSpecial: Bool? = nil) throws(TokenizerError) {
    let special = if let isSpecial { isSpecial } else { try field["special"].bool(default: false) }
    self.init(
      content: try field["content"].string(), id: 0, isSpecial: special,
      isSingleWord: try field["single_word"].bool(default: false),
      stripsLeft: try field["lstrip"].bool(default: false), stripsRight: try field["rstrip"].bool(default: false),
      isNormalized: try field["normalized"].bool(default: !special))
  }

  /// Reads the `added_tokens` of a `tokenizer.json`, with the ids that the file gives them.
  static func list(_ field: Field) throws(TokenizerError) -> [(id: Int, token: AddedToken)] {
    if field.isNull { return [] }
    var tokens: [(id: Int, token: AddedToken)] = []
    for element in try field.elements() { tokens.append((Int(try element["id"].id()), try AddedToken(element))) }
    return tokens
  }
}
