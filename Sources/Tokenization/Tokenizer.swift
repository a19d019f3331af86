import Foundation
import OrderedJSON

/// A byte-level BPE tokenizer, read from a Hugging Face `tokenizer.json`: the same ids, the same texts.
///
/// ```swift
/// let tokenizer = try Tokenizer(folder: modelFolder)
/// let ids = tokenizer.encode("你好, world")
/// tokenizer.decode(ids)  // "你好, world"
/// ```
/// The `truncation` and `padding` of the file are ignored, as in `transformers`: the caller decides on lengths.
/// A file that asks for more than byte-level BPE is refused with a `TokenizerError` when it is read. After that nothing can
/// fail: any text has ids, and any ids have a text.
public struct Tokenizer: Sendable {
  let encoder: TextEncoder
  let decoder: TokenDecoder
  let postProcessor: PostProcessor
  let pool = WorkspacePool()
  private let names: ByteTable
  private let tokens: [String?]

  /// The ids of all special tokens: those that `decode(skipSpecialTokens: true)` leaves out.
  public let specialTokenIDs: Set<Int32>

  /// Reads a `tokenizer.json` alone.
  /// - Throws: `TokenizerError`, which names the file and the field.
  public init(contentsOf file: URL) throws {
    try self.init(definition: TokenizerDefinition(Self.json(in: file), file: file.path))
  }

  /// Reads the `tokenizer.json` in a folder, of a model or of MiniMind, and the tokens that `tokenizer_config.json`,
  /// `special_tokens_map.json` and `added_tokens.json` add to it.
  /// - Throws: `TokenizerError`, which names the file and the field.
  public init(folder: URL) throws {
    let file = folder.appendingPathComponent("tokenizer.json")
    try self.init(definition: TokenizerDefinition(Self.json(in: file), file: file.path, folder: folder))
  }

  /// Makes a tokenizer of the content of a `tokenizer.json`.
  /// - Parameters:
  ///   - json: the content.
  ///   - file: where it comes from, for messages.
  /// - Throws: `TokenizerError`, which names the file and the field.
  public init(json: JSON, file: String = "tokenizer.json") throws {
    try self.init(definition: TokenizerDefinition(json, file: file))
  }

  private static func json(in file: URL) throws(TokenizerError) -> JSON {
    let data: Data
    do {
      data = try Data(contentsOf: file, options: .mappedIfSafe)
    } catch {
      throw TokenizerError.missing(file: file.path, reason: error.localizedDescription)
    }
    do {
      return try JSON(parsing: data)
    } catch {
      throw TokenizerError.malformed(file: file.path, field: "the file (\(error))", expected: "JSON")
    }
  }

  private init(definition: TokenizerDefinition) {
    encoder = TextEncoder(
      addedTokens: AddedTokens(definition.addedTokens, normalizer: definition.normalizer),
      normalizer: definition.normalizer, preTokenizer: definition.preTokenizer,
      vocabulary: definition.vocabulary)
    names = definition.names
    tokens = definition.tokens
    let special = Set(definition.addedTokens.filter(\.isSpecial).map(\.id))
    specialTokenIDs = special
    decoder = definition.decoder(special: special)
    postProcessor = definition.postProcessor
  }

  /// The largest id plus one: the rows that an embedding table needs.
  public var vocabularySize: Int { tokens.count }

  /// The id of a token as the file spells it (`Ġthe` for " the"); nil if there is no such token.
  public func id(of token: String) -> Int32? { names.id(for: token) }

  /// The token of an id as the file spells it; nil for ids without a token.
  public func token(of id: Int32) -> String? {
    tokens.indices.contains(Int(id)) ? tokens[Int(id)] : nil
  }

  /// The ids of a text, as Hugging Face's `encode(text, add_special_tokens=False)`.
  ///
  /// Added tokens in the text, special ones too, become their ids.
  public func encode(_ text: String) -> [Int32] { encode(text, addSpecialTokens: false) }

  /// The ids of a text, optionally with the tokens that the post-processor puts around it.
  public func encode(_ text: String, addSpecialTokens: Bool) -> [Int32] {
    pool.withWorkspace { encode(text, addSpecialTokens: addSpecialTokens, &$0) }
  }

  /// The ids of a text, with a given workspace.
  func encode(_ text: String, addSpecialTokens: Bool, _ workspace: inout Workspace) -> [Int32] {
    workspace.tokens.removeAll()
    if addSpecialTokens { for id in postProcessor.prefix { workspace.tokens.append(id) } }
    var text = text
    text.withUTF8 { encoder.encode($0, &workspace) }
    if addSpecialTokens { for id in postProcessor.suffix { workspace.tokens.append(id) } }
    return Array(workspace.tokens.suffix(from: 0))
  }

  /// Whether the ids of all texts so far are what the file says.
  ///
  /// - Throws: `TokenizerError.tooSlow` where a regular expression took too long on one of them, as a hostile file makes it
  public func requireSound() throws(TokenizerError) {
    if pool.hasGivenUp { throw .tooSlow }
  }

  /// The text of some ids.
  ///
  /// Ids without a token are left out, as in Hugging Face's library; bytes that are not UTF-8 become U+FFFD.
  public func decode(_ ids: [Int32], skipSpecialTokens: Bool = false) -> String {
    decoder.decode(ids, skipSpecialTokens: skipSpecialTokens)
  }

  /// A decoder that takes ids one at a time and never returns half a character.
  public func streamingDecoder(skipSpecialTokens: Bool = false) -> StreamingDecoder {
    StreamingDecoder(decoder, skipSpecialTokens: skipSpecialTokens)
  }
}

extension Tokenizer {
  /// The pieces into which the pre-tokenizer cuts a text, without added tokens and normalizer. For tests.
  package func pieces(of text: String) -> [String] {
    pool.withWorkspace { encoder.pieces(of: text, &$0) }
  }

  /// The text as the normalizer leaves it. For tests.
  package func normalized(_ text: String) -> String { encoder.normalizer.normalize(text) }
}
