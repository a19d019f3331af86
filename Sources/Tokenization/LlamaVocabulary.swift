import Foundation
import OrderedJSON

/// What llama.cpp needs to know of a byte-level BPE tokenizer: its `gpt2` model.
public struct LlamaVocabulary: Hashable, Sendable {
  /// The kinds of tokens, by llama.cpp's numbers.
  public enum Kind: Int32, Sendable {
    case normal = 1
    /// Left out of texts that are shown.
    case control = 3
    /// Found in texts before they are split, like `<think>`.
    case userDefined = 4
    /// A row of the embedding table that no token has.
    case unused = 5
  }

  /// The tokens by id, as the tokenizer's file spells them.
  public var tokens: [String]
  /// Their kinds.
  public var kinds: [Kind]
  /// The merges by rank: two tokens with a space between.
  public var merges: [String]
  /// llama.cpp's name of the regular expression that splits texts.
  public var preTokenizer: String
  /// Whether a token is put before every text.
  public var addsBOS: Bool
  /// Whether a token is put after every text.
  public var addsEOS: Bool
  /// What llama.cpp does otherwise, a sentence each.
  public var remarks: [String]

  /// Reads the tokenizer of a folder.
  ///
  /// - Parameter count: the rows of the model's embedding table
  /// - Throws: `TokenizerError`; `LlamaVocabularyError` for a tokenizer that llama.cpp has no like of
  public init(folder: URL, count: Int) throws {
    let file = folder.appendingPathComponent("tokenizer.json")
    let tokenizer = try Tokenizer(folder: folder)
    let json = try JSON(parsing: Data(contentsOf: file))
    guard tokenizer.vocabularySize <= count else {
      throw LlamaVocabularyError(
        "\(file.path) has ids up to \(tokenizer.vocabularySize - 1), and the model \(count) rows for them")
    }
    let added = Set(try TokenizerDefinition(json, file: file.path, folder: folder).addedTokens.map(\.id))
    (tokens, kinds, remarks) = ([], [], [])
    for id in 0..<Int32(count) {
      if let token = tokenizer.token(of: id) {
        tokens.append(token)
        kinds.append(
          !added.contains(id) ? .normal : tokenizer.specialTokenIDs.contains(id) ? .control : .userDefined)
      } else {
        tokens.append("[PAD\(id)]")
        kinds.append(.unused)
      }
    }
    merges = (json["model"]?["merges"]?.array ?? []).compactMap { merge in
      if let text = merge.string { return text.hasPrefix("#version") ? nil : text }
      return merge.array?.compactMap(\.string).joined(separator: " ")
    }
    preTokenizer = try Self.preTokenizer(json["pre_tokenizer"] ?? .null, file: file.path)
    if json["model"]?["ignore_merges"]?.bool == true, preTokenizer != "llama-bpe" {
      throw LlamaVocabularyError(
        "\(file.path) has \"ignore_merges\", which llama.cpp knows of Llama 3's tokenizer only")
    }
    if let normalizer = json["normalizer"], !normalizer.isNull {
      remarks.append("llama.cpp does not normalize texts (NFC); texts with combining characters may get other tokens")
    }
    // What stands around an empty text is what is put around any.
    let around = tokenizer.encode("", addSpecialTokens: true)
    let configuration = try? TokenizerConfiguration(folder: folder)
    let bos = configuration?.bosToken.flatMap(tokenizer.id(of:))
    let eos = configuration?.eosToken.flatMap(tokenizer.id(of:))
    let begins = bos != nil && around.first == bos
    addsBOS = begins
    addsEOS = eos != nil && around.last == eos && around.count == (begins ? 2 : 1)
  }

  // MARK: - The splitting

  private static let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
  private static let lines = #"\s*[\r\n]+|\s+(?!\S)|\s+"#
  /// llama.cpp's names by the regular expression of a `Split`.
  private static let splits = [
    #"\#(contractions)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\#(lines)"#: "qwen2",
    #"\#(contractions)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\#(lines)"#: "llama-bpe",
  ]

  private static func preTokenizer(_ json: JSON, file: String) throws(LlamaVocabularyError) -> String {
    var steps = json["type"]?.string == "Sequence" ? json["pretokenizers"]?.array ?? [] : [json]
    if let last = steps.popLast(), last["type"]?.string == "ByteLevel", last["add_prefix_space"]?.bool == false {
      let splitsItself = last["use_regex"]?.bool ?? true
      if steps.isEmpty, splitsItself { return "gpt-2" }
      if steps.count == 1, !splitsItself, let pattern = steps[0]["pattern"]?["Regex"]?.string,
        steps[0]["behavior"]?.string == "Isolated", let name = splits[pattern]
      {
        return name
      }
      if steps.count == 1, splitsItself, steps[0]["type"]?.string == "Digits",
        steps[0]["individual_digits"]?.bool == true
      {
        return "smollm"
      }
    }
    throw LlamaVocabularyError(
      "\(file) splits texts in a way that llama.cpp has no name for; it knows those of GPT-2 (MiniMind's), Qwen, Llama 3 and "
        + "SmolLM")
  }
}

/// Why llama.cpp cannot have a tokenizer.
public struct LlamaVocabularyError: Error, Hashable, CustomStringConvertible {
  /// What is in the way.
  public let description: String
  init(_ description: String) { self.description = description }
}
