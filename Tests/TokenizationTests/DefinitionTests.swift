import Foundation
import OrderedJSON
import Testing
import Tokenization

/// What a `tokenizer.json` may ask for, and what is refused by name.
@Suite struct DefinitionTests {
  static let split: JSON = ["type": "Split", "pattern": ["Regex": "a"], "behavior": "Isolated", "invert": false]

  static func split(_ regex: String) -> JSON { split.setting(["pattern": ["Regex": .string(regex)]]) }

  /// A file, and what the refusal has to mention.
  static let unsupported: [(file: JSON, mentions: [String])] = [
    (.byteLevel(model: ["type": "Unigram"]), ["model", "Unigram", "BPE"]),
    (.byteLevel(model: ["type": "WordPiece"]), ["model", "WordPiece"]),
    (.byteLevel(model: ["byte_fallback": true]), ["model.byte_fallback", "true"]),
    (.byteLevel(model: ["dropout": 0.1]), ["model.dropout", "0.1"]),
    (.byteLevel(model: ["end_of_word_suffix": "</w>"]), ["model.end_of_word_suffix", "</w>"]),
    (.byteLevel(model: ["continuing_subword_prefix": "##"]), ["model.continuing_subword_prefix"]),
    (.byteLevel(members: ["normalizer": ["type": "NFKC"]]), ["normalizer", "NFKC", "NFC"]),
    (
      .byteLevel(members: [
        "normalizer": ["type": "Sequence", "normalizers": [["type": "NFC"], ["type": "Lowercase"]]]
      ]),
      ["normalizer.normalizers[1]", "Lowercase"]
    ),
    (.byteLevel(members: ["pre_tokenizer": .null]), ["pre_tokenizer", "null", "ByteLevel"]),
    (.byteLevel(members: ["pre_tokenizer": ["type": "Metaspace"]]), ["pre_tokenizer", "ByteLevel"]),
    (.byteLevel(after: ["type": "Whitespace"]), ["pre_tokenizer.pretokenizers[0]", "Whitespace"]),
    (.byteLevel(after: ["type": "ByteLevel"]), ["pre_tokenizer.pretokenizers[0]", "ByteLevel"]),
    (.byteLevel(after: split(#"(a)\1"#)), ["pattern.Regex", #"\1"#, "classes"]),
    (.byteLevel(after: split(#"\p{Han}"#)), ["pattern.Regex", #"\p{Han}"#]),
    (.byteLevel(after: split(#"[a-z&&[^b]]"#)), ["pattern.Regex"]),
    (.byteLevel(after: split(#"(?<name>a)"#)), ["pattern.Regex", "group"]),
    (.byteLevel(after: split(#"a{2}?"#)), ["{n}?"]),
    (.byteLevel(after: split(#"a**"#)), ["quantifier"]),
    (.byteLevel(after: split(#"(a*)*"#)), ["empty"]),
    (.byteLevel(after: split(#"(?<=a+)b"#)), ["look-behind"]),
    (.byteLevel(after: split(#"(a"#)), ["group"]),
    (.byteLevel(after: split(#"a)"#)), [")"]),
    (.byteLevel(after: split(#"[a"#)), ["["]),
    (.byteLevel(after: split(#"a{2000}"#)), ["1000"]),
    (.byteLevel(after: split(#"(?:(?:(?:a{900}b){900}){900})"#)), ["20,000"]),
    (.byteLevel(after: split(String(repeating: "(", count: 5000))), ["nested"]),
    (.byteLevel(after: split(#"(?i:straße)"#)), ["case"]),
    (.byteLevel(after: split(#"(?i:fish)"#)), ["fi"]),
    (.byteLevel(after: split.setting(["pattern": ["String": ""]])), ["pattern.String"]),
    (
      .byteLevel(members: ["post_processor": ["type": "Unknown"]]), ["post_processor", "Unknown", "TemplateProcessing"]
    ),
    (.byteLevel(members: ["decoder": ["type": "WordPiece"]]), ["decoder", "WordPiece"]),
    (
      .byteLevel(members: ["decoder": ["type": "Sequence", "decoders": [["type": "Fuse"], ["type": "ByteLevel"]]]]),
      ["decoder.decoders[1]"]
    ),
  ]

  @Test(
    "What is not supported is refused, with the file, the field and what is supported", arguments: unsupported.indices)
  func refusal(index: Int) throws {
    let (file, mentions) = Self.unsupported[index]
    let error = #expect(throws: TokenizerError.self) { try Tokenizer(json: file, file: "some/tokenizer.json") }
    guard case .unsupported = error else {
      Issue.record("\(String(describing: error)) is no refusal")
      return
    }
    for mention in mentions + ["some/tokenizer.json", "supported"] {
      #expect("\(error!)".contains(mention), "\(error!) does not mention \(mention)")
    }
  }

  /// A file, and the field that the error has to name.
  static let malformed: [(file: JSON, field: String)] = [
    ([], "the file"),
    ([:], "pre_tokenizer"),
    (.byteLevel(model: ["vocab": .null]), "model.vocab"),
    (.byteLevel(model: ["vocab": ["a": -1]]), "model.vocab[\"a\"]"),
    (.byteLevel(model: ["vocab": ["a": 4_000_000_000]]), "model.vocab[\"a\"]"),
    (.byteLevel(model: ["vocab": ["a": "b"]]), "model.vocab[\"a\"]"),
    (.byteLevel(model: ["merges": .null]), "model.merges"),
    (.byteLevel(model: ["merges": ["a b c"]]), "model.merges[0]"),
    (.byteLevel(model: ["merges": ["ab"]]), "model.merges[0]"),
    (.byteLevel(model: ["merges": [["a", "b"]]]), "model.merges[0]"),
    (.byteLevel(model: ["merges": [["a", "no such token"]]]), "model.merges[0]"),
    (.byteLevel(model: ["merges": [17]]), "model.merges[0]"),
    (.byteLevel(model: ["ignore_merges": 1]), "model.ignore_merges"),
    (.byteLevel(members: ["added_tokens": ["x"]]), "added_tokens[0].id"),
    (.byteLevel(members: ["added_tokens": [["id": 300]]]), "added_tokens[0].content"),
    (.byteLevel(after: split.setting(["behavior": "Sideways"])), "pre_tokenizer.pretokenizers[0].behavior"),
    (.byteLevel(after: split.setting(["pattern": .null])), "pre_tokenizer.pretokenizers[0].pattern.Regex"),
    (.byteLevel(members: ["post_processor": ["type": "TemplateProcessing"]]), "post_processor.single"),
  ]

  @Test("A file that is wrong is refused, with the field and what it should be", arguments: malformed.indices)
  func malformedFile(index: Int) throws {
    let (file, field) = Self.malformed[index]
    let error = #expect(throws: TokenizerError.self) { try Tokenizer(json: file, file: "some/tokenizer.json") }
    switch error {
    case .malformed(_, let found, _): #expect(found == field)
    case .unsupported(_, let found, _, _): #expect(found == field)
    default: Issue.record("\(String(describing: error)) names no field")
    }
  }

  @Test("A missing file, and one that is no JSON, are told apart")
  func files() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    #expect {
      try Tokenizer(folder: folder)
    } throws: { error in
      if case TokenizerError.missing(let file, _) = error { file.hasSuffix("tokenizer.json") } else { false }
    }
    try Data("{\"model\":".utf8).write(to: folder.appendingPathComponent("tokenizer.json"))
    #expect {
      try Tokenizer(folder: folder)
    } throws: { error in
      if case TokenizerError.malformed = error { true } else { false }
    }
  }

  @Test("Added tokens keep the vocabulary's ids or take the next free ones, as in Hugging Face's library")
  func addedTokenIDs() throws {
    let tokens: JSON = [["id": 900, "content": "<a>"], ["id": 7, "content": "<b>"], ["id": 9, "content": "x"]]
    let tokenizer = try Tokenizer(json: .byteLevel(members: ["added_tokens": tokens]))
    #expect(["<a>", "<b>", "x"].map { tokenizer.id(of: $0) } == [256, 257, 120])
    #expect(tokenizer.encode("<b>x") == [257, 120])
  }

  @Test("Bytes without a token are left out, or become the unknown token")
  func missingBytes() throws {
    let vocabulary: JSON = ["a": 0, "b": 1, "ab": 2, "<unk>": 3]
    func ids(_ model: JSON) throws -> [Int32] {
      let model = model.setting(["vocab": vocabulary, "merges": ["a b"]])
      return try Tokenizer(json: .byteLevel(model: model)).encode("axyb")
    }
    #expect(try ids([:]) == [2])
    #expect(try ids(["unk_token": "<unk>"]) == [0, 3, 3, 1])
    #expect(try ids(["unk_token": "<unk>", "fuse_unk": true]) == [0, 3, 1])
    #expect(throws: TokenizerError.self) { try ids(["unk_token": "[UNK]"]) }
  }
}
