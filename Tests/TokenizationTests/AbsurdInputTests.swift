import Foundation
import OrderedJSON
import Testing
import Tokenization

/// Nothing that can be in a string or a list of ids stops the tokenizer, and nothing takes long.
@Suite struct AbsurdInputTests {
  @Test("The empty text has no ids, and no ids have the empty text", arguments: ReferenceTests.names)
  func nothing(name: String) throws {
    let tokenizer = try Goldens.tokenizer(name)
    try tokenizer.requireSound()
    #expect(tokenizer.encode("") == [])
    #expect(tokenizer.decode([]) == "")
    var decoder = tokenizer.streamingDecoder()
    #expect(decoder.finish() == "")
  }

  @Test("Control characters and NUL are text like any other")
  func controlCharacters() throws {
    let tokenizer = try Goldens.tokenizer("llama3")
    for value in Array(0...0x9F) + [0x2028, 0xFEFF, 0xFFFE, 0xFFFF, 0x10FFFF] {
      let scalar = try #require(Unicode.Scalar(value))
      for text in ["\(scalar)", "a\(scalar)b", "\(scalar)\(scalar)", "\0\(scalar)\0"] {
        #expect(tokenizer.decode(tokenizer.encode(text)).hasSameBytes(as: text))
      }
    }
  }

  @Test("Ids that are no tokens are left out")
  func absentIDs() throws {
    let tokenizer = try Goldens.tokenizer("llama3")
    let ids = tokenizer.encode("ab")
    #expect(tokenizer.decode([.min, -1] + ids + [.max, Int32(tokenizer.vocabularySize)]) == "ab")
    var decoder = tokenizer.streamingDecoder()
    #expect(decoder.append(-1) == "")
    #expect(decoder.append(.max) == "")
  }

  /// A megabyte that is one word, or one run of blanks, or almost a special token over and over.
  static let megabytes = [
    "a", "theand", "A", "7", " ", "\n", "\t ", "\r\n", "=", "'", "'s", "好", "\u{301}", "e\u{301}", "가", "\u{1100}", "😀",
    "ʰA", "\0",
    "\u{85}", "<", "<|im_end|", "<|im_end|>", "word", "<tool", "<mask> ", " <sep>", "  ", "\n\n",
  ]

  @Test("A megabyte of the same takes moments", .timeLimit(.minutes(10)), arguments: ["gpt2", "qwen", "o200k"])
  func sameAgainAndAgain(name: String) throws {
    let tokenizer = try Goldens.tokenizer(name)
    for unit in Self.megabytes {
      let text = String(repeating: unit, count: (1 << 20) / unit.utf8.count)
      let ids = tokenizer.encode(text)
      #expect(!ids.isEmpty)
      if name == "o200k" { #expect(tokenizer.decode(ids).hasSameBytes(as: text)) }
    }
    try tokenizer.requireSound()
  }

  @Test(
    "A pattern that backtracks without end is given up, and the tokenizer says so",
    .timeLimit(.minutes(10)), arguments: ["(a+)+b", "(a|aa)+$", "(?:a?){30}a{30}c"])
  func endlessPattern(pattern: String) throws {
    let tokenizer = try Tokenizer(
      json: .byteLevel(
        after: ["type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated", "invert": false]))
    try tokenizer.requireSound()
    #expect(!tokenizer.encode(String(repeating: "a", count: 60) + "d").isEmpty)
    #expect(throws: TokenizerError.tooSlow) { try tokenizer.requireSound() }
  }

  @Test("Nor does the general engine for regular expressions need longer", .timeLimit(.minutes(10)))
  func sameAgainAndAgainForTheEngine() throws {
    let pattern =
      #"[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+|(?:\p{N}{3})*+\p{N}"#
    let tokenizer = try Tokenizer(
      json: .byteLevel(after: ["type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated"]))
    for unit in Self.megabytes {
      let text = String(repeating: unit, count: (1 << 20) / unit.utf8.count)
      #expect(tokenizer.pieces(of: text).reduce(0) { $0 + $1.utf8.count } == text.utf8.count)
    }
  }

  @Test("Tokens that swallow blanks do so once, however many blanks there are", .timeLimit(.minutes(10)))
  func swallowedBlanks() throws {
    func token(_ id: Int, _ content: String, left: Bool, right: Bool) -> JSON {
      [
        "id": .integer(id), "content": .string(content), "single_word": false, "lstrip": .bool(left),
        "rstrip": .bool(right), "normalized": false, "special": false,
      ]
    }
    let tokens: JSON = [token(256, "\n", left: false, right: true), token(257, "\t", left: true, right: false)]
    let tokenizer = try Tokenizer(json: .byteLevel(members: ["added_tokens": tokens]))
    for unit in ["\n", "\t", "\n\t", " \n"] {
      #expect(!tokenizer.encode(String(repeating: unit, count: 500_000 / unit.count)).isEmpty)
    }
  }

  @Test("Ten thousand added tokens are found as fast as one", .timeLimit(.minutes(10)))
  func manyAddedTokens() throws {
    let tokens = (0..<10_000).map { number -> JSON in
      [
        "id": .integer(256 + number), "content": .string("<|extra_\(number)|>"), "single_word": false,
        "lstrip": false, "rstrip": false, "normalized": false, "special": true,
      ]
    }
    let tokenizer = try Tokenizer(json: .byteLevel(members: ["added_tokens": .array(tokens)]))
    #expect(tokenizer.vocabularySize == 10_256)
    #expect(tokenizer.encode("a<|extra_77|><|extra_777|><|e") == [0x61, 333, 1033, 0x3C, 0x7C, 0x65])
    let text = String(repeating: "if a < b then <|extra_9999|> else <|extra_", count: 50_000)
    #expect(tokenizer.encode(text).count { $0 == 10_255 } == 50_000)
  }
}
