import Foundation
import OrderedJSON
import Testing
import Tokenization

/// Tokens that a folder names beside its `tokenizer.json`; goldens by Tools/reference/folder_tokens.py.
@Suite("Tokens of folders") struct FolderTokenTests {
  @Test("Every folder gives the ids and texts that transformers gives")
  func folders() throws {
    let golden = try Goldens.json("folder_tokens.json")
    let texts = try #require(golden["texts"]?.array).compactMap(\.string)
    let cases = try #require(golden["cases"]?.array)
    #expect(cases.count > 30)
    for example in cases {
      let name = try #require(example["name"]?.string)
      try withFolder(members: try #require(example["members"]), files: example["files"]?.object ?? [:]) { folder in
        let tokenizer = try Tokenizer(folder: folder)
        #expect(tokenizer.vocabularySize == example["size"]?.int, "\(name)")
        for (text, row) in zip(texts, try #require(example["rows"]?.array)) {
          let place: Comment = "\(name): \(text)"
          let ids = tokenizer.encode(text)
          #expect(ids == row[0]?.ids, place)
          #expect(tokenizer.decode(ids).hasSameBytes(as: try #require(row[1]?.string)), place)
          #expect(tokenizer.decode(ids, skipSpecialTokens: true).hasSameBytes(as: try #require(row[2]?.string)), place)
        }
        if FileManager.default.fileExists(atPath: folder.appendingPathComponent("tokenizer_config.json").path) {
          let named = try TokenizerConfiguration(folder: folder).specialTokens
          #expect(named == example["special_tokens"]?.object?.compactMapValues(\.string), "\(name)")
        }
      }
    }
  }

  @Test(
    "A file that names tokens wrongly is refused by its name",
    arguments: [
      ("tokenizer_config.json", "[1]", "the file", "an object"),
      ("tokenizer_config.json", "{", "the file", "JSON"),
      ("added_tokens.json", "[]", "the file", "an object"),
      (
        "special_tokens_map.json", #"{"extra_special_tokens": [1]}"#, "extra_special_tokens[0]",
        "a token: a string, or an object with its content"
      ),
      ("tokenizer_config.json", #"{"extra_special_tokens": "<tool>"}"#, "extra_special_tokens", "an array"),
      ("tokenizer_config.json", #"{"eos_token": 3}"#, "eos_token", "a token: a string, or an object with its content"),
      (
        "tokenizer_config.json", #"{"added_tokens_decoder": {"x": {}}}"#, "added_tokens_decoder",
        "an object whose keys are ids"
      ),
      (
        "tokenizer_config.json", #"{"added_tokens_decoder": {"3": {"lstrip": 1}}}"#, "added_tokens_decoder.3.content",
        "a string"
      ),
      ("added_tokens.json", #"{"<tool>": "1"}"#, "<tool>", "an id from 0 to 16777215"),
    ])
  func fileNamesTokens(
    file: String, text: String, field: String, expected: String
  ) throws {
    try withFolder(members: [:], files: [:]) { folder in
      let path = folder.appendingPathComponent(file)
      try Data(text.utf8).write(to: path)
      let error = #expect(throws: TokenizerError.self) { try Tokenizer(folder: folder) }
      guard case .malformed(let found, let place, let wanted)? = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(found == path.path)
      #expect(place.hasPrefix(field))
      #expect(wanted == expected)
    }
  }

  private func withFolder(members: JSON, files: JSON.Object, _ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tokens-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let all = files.merging(["tokenizer.json": .byteLevel(members: members)])
    for (name, json) in all { try Data(json.serialized().utf8).write(to: folder.appendingPathComponent(name)) }
    try body(folder)
  }
}
