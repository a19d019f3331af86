import Foundation
import OrderedJSON

/// Everything that a `tokenizer.json` says, checked.
struct TokenizerDefinition {
  let addedTokens: [AddedToken]
  let normalizer: Normalizer
  let preTokenizer: PreTokenizer
  let postProcessor: PostProcessor
  let vocabulary: Vocabulary
  /// Ids by token, added tokens included.
  let names: ByteTable
  /// Tokens by id, added tokens included.
  let tokens: [String?]
  private let decoding: Decoding

  /// Reads the file.
  /// - Parameter folder: where further files may name more added tokens; nil for nowhere.
  init(_ json: JSON, file: String, folder: URL? = nil) throws(TokenizerError) {
    let root = Field(json: json, path: "", file: file)
    guard json.object != nil else { throw root.malformed("an object") }
    normalizer = try Normalizer(root["normalizer"])
    preTokenizer = try PreTokenizer(root["pre_tokenizer"])
    postProcessor = try PostProcessor(root["post_processor"])
    decoding = try Decoding(root["decoder"])

    let model = try BPEModel(root["model"])
    let listed = try AddedToken.list(root["added_tokens"])
    var table = AddedTokenTable(vocabulary: model.names, size: model.size)
    for (_, token) in listed { table.add(token) }
    if let folder {
      for token in try FolderTokens(folder: folder, listed: listed).additions(to: table.tokens) { table.add(token) }
    }
    let added = table.tokens
    var names = model.names
    var tokens = model.tokens
    for token in added {
      names.set(token.id, for: token.content.utf8)
      while tokens.count <= Int(token.id) { tokens.append(nil) }
      // A token that is looked for in normalized text is spelled that way, as by Hugging Face.
      tokens[Int(token.id)] = token.isNormalized ? normalizer.normalize(token.content) : token.content
    }
    addedTokens = added
    vocabulary = model.vocabulary
    self.names = names
    self.tokens = tokens
  }

  /// The bytes of all tokens, as the file's decoder makes them.
  func decoder(special: Set<Int32>) -> TokenDecoder {
    TokenDecoder(tokens: tokens.map { $0.map(decoding.bytes) }, special: special, separator: decoding.separator)
  }
}

/// How tokens become text.
private enum Decoding {
  /// From the byte alphabet to bytes.
  case byteLevel
  /// Unchanged.
  case fused
  /// Unchanged, with spaces in between: what Hugging Face does without a decoder.
  case spaced

  init(_ field: Field) throws(TokenizerError) {
    if field.isNull {
      self = .spaced
      return
    }
    switch try field.type() {
    case "ByteLevel": self = .byteLevel
    case "Fuse": self = .fused
    case "Sequence":
      self = .spaced
      for (index, element) in try field["decoders"].elements().enumerated() {
        switch try Decoding(element) {
        case .byteLevel where index == 0: self = .byteLevel
        case .fused where index == 0: self = .fused
        // What ByteLevel returns is one piece already.
        case .fused: break
        default: throw element.unsupported("this decoder at this place", supported: "ByteLevel first, then Fuse")
        }
      }
    case let type:
      throw field.unsupported("the decoder \(type)", supported: "ByteLevel, Fuse, Sequence, null")
    }
  }

  func bytes(of token: String) -> [UInt8] {
    self == .byteLevel ? ByteAlphabet.bytes(of: token) ?? Array(token.utf8) : Array(token.utf8)
  }

  var separator: [UInt8] { self == .spaced ? [UInt8(ascii: " ")] : [] }
}
