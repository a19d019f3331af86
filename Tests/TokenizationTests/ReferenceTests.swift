import Foundation
import OrderedJSON
import Testing
import Tokenization

/// Equality with Hugging Face `tokenizers`; goldens by Tools/reference/tokenizer_goldens.py.
@Suite struct ReferenceTests {
  static let names = ["gpt2", "roberta", "qwen", "llama3", "digits", "o200k"]

  @Test("Every text has the ids that Hugging Face gives it", arguments: names)
  func ids(name: String) throws {
    let texts = try Goldens.texts()
    #expect(texts.count >= 2000)
    try compare(try Goldens.tokenizer(name), with: Goldens.expectations(name), texts)
  }

  @Test("Ids become the text that Hugging Face makes of them", arguments: names)
  func decoding(name: String) throws {
    try compareDecoding(try Goldens.tokenizer(name), with: Goldens.expectations(name))
  }

  @Test("The pieces are those of Hugging Face, for every pattern and behavior")
  func pieces() throws {
    for row in try #require(Goldens.json("pieces.json").array) {
      let splitter = try #require(row["pre_tokenizer"])
      let tokenizer = try Tokenizer(json: .byteLevel(after: splitter))
      for pair in try #require(row["pieces"]?.array) {
        let text = try #require(pair[0]?.string)
        let expected = try #require(pair[1]?.array).compactMap(\.string)
        let found = tokenizer.pieces(of: text)
        #expect(
          found.count == expected.count && zip(found, expected).allSatisfy { $0.hasSameBytes(as: $1) },
          "\(splitter.serialized()) on \(JSON.string(text).serialized()): \(found), expected \(expected)")
      }
    }
  }
}

/// MiniMind's own tokenizer, where it is at hand; goldens (ids only) by Tools/reference/tokenizer_goldens.py.
@Suite(
  .enabled(
    if: MiniMindFiles.areThere,
    "no tokenizer.json in ../shared/minimind; set MINIMIND_SHARED to the folder that holds minimind/"))
struct MiniMindReferenceTests {
  @Test("MiniMind's tokenizer gives every text the ids that Hugging Face gives it")
  func ids() throws {
    let tokenizer = try Tokenizer(folder: MiniMindFiles.folder)
    #expect(tokenizer.vocabularySize == 6400)
    try compare(tokenizer, with: Goldens.expectations("minimind"), Goldens.texts())
  }

  @Test("MiniMind's ids become the text that Hugging Face makes of them")
  func decoding() throws {
    try compareDecoding(try Tokenizer(folder: MiniMindFiles.folder), with: Goldens.expectations("minimind"))
  }

  @Test("What MiniMind's tokenizer encodes, it decodes")
  func roundTrip() throws {
    let tokenizer = try Tokenizer(folder: MiniMindFiles.folder)
    for text in try Goldens.texts() { #expect(tokenizer.decode(tokenizer.encode(text)).hasSameBytes(as: text)) }
  }
}

enum MiniMindFiles {
  static let folder: URL = {
    let shared =
      ProcessInfo.processInfo.environment["MINIMIND_SHARED"].map { URL(fileURLWithPath: $0) }
      ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("../shared")
    return shared.appendingPathComponent("minimind")
  }()

  static var areThere: Bool {
    FileManager.default.fileExists(atPath: folder.appendingPathComponent("tokenizer.json").path)
  }
}

private func compare(_ tokenizer: Tokenizer, with expected: Goldens.Expectations, _ texts: [String]) throws {
  let ids = tokenizer.encode(batch: texts)
  #expect(ids.count == expected.ids.count)
  for (index, text) in texts.enumerated() {
    #expect(ids[index] == expected.ids[index], "text \(index): \(JSON.string(text).serialized())")
  }
  for (text, ids) in zip(texts, expected.withSpecialTokens) {
    #expect(tokenizer.encode(text, addSpecialTokens: true) == ids, "\(JSON.string(text).serialized())")
    // A text to be continued starts as the whole does, and nothing follows it.
    let prompt = tokenizer.encodePrompt(text)
    #expect(ids.starts(with: prompt) && prompt.reversed().starts(with: tokenizer.encode(text).reversed()))
  }
}

private func compareDecoding(_ tokenizer: Tokenizer, with expected: Goldens.Expectations) throws {
  for row in expected.decoded {
    #expect(tokenizer.decode(row.ids).hasSameBytes(as: row.text), "\(row.ids)")
    let skipped = tokenizer.decode(row.ids, skipSpecialTokens: true)
    #expect(skipped.hasSameBytes(as: row.withoutSpecialTokens), "\(row.ids)")
  }
}
