import Foundation
import Preferences
import Testing
import Tokenization

@Suite("Texts that are watched for forgetting")
struct GuardTextTests {
  private let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Demo")

  private func texts(_ content: String, named name: String, template: Bool = true, maxLength: Int = 64) throws
    -> [GuardText]
  {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString)-\(name)")
    try Data(content.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    return try GuardText.texts(
      of: file, tokenizer: Tokenizer(folder: folder), template: template ? ChatTemplate(folder: folder) : nil,
      maxLength: maxLength)
  }

  @Test("A plain file is a text a line, of which all tokens but the first are predicted")
  func plain() throws {
    let found = try texts("Snow is white.\n\n  雪是白的。\r\n", named: "a.txt", template: false)
    let tokenizer = try Tokenizer(folder: folder)
    #expect(found.map(\.ids) == ["Snow is white.", "雪是白的。"].map { tokenizer.encode($0, addSpecialTokens: true) })
    #expect(found.map(\.index) == [0, 1])
    for text in found { #expect(text.targets == [false] + [Bool](repeating: true, count: text.ids.count - 1)) }
  }

  @Test("Of a conversation the assistant's words are predicted, whoever wrote the roles")
  func conversation() throws {
    let turns = #"{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good day"}"#
    let found = try texts(
      "{\"messages\": [\(turns)]}\n"
        + #"{"conversations": [{"from": "human", "value": "Hello"}, {"from": "gpt", "value": "Good day"}]}"#
        + "\n{\"text\": \"Snow is white.\"}", named: "b.jsonl")
    #expect(found.count == 3)
    #expect(found[0].ids == found[1].ids && found[0].targets == found[1].targets)
    let tokenizer = try Tokenizer(folder: folder)
    let predicted = zip(found[0].ids, found[0].targets).filter(\.1).map(\.0)
    let text = tokenizer.decode(predicted)
    #expect(text.contains("Good day") && !text.contains("Hello"))
  }

  @Test("Texts are cut to the maximal length; those in which nothing is predicted are left out")
  func length() throws {
    let found = try texts("Snow is white and cold.\n.\n", named: "c.txt", maxLength: 3)
    #expect(found.first?.ids.count == 3)
    #expect(found.allSatisfy { $0.targetCount > 0 })
    #expect(throws: GuardFileError.self) { try texts("a", named: "d.txt", maxLength: 1) }
  }

  @Test("What is no text is refused with its line")
  func refused() throws {
    func message(_ content: String, template: Bool = true) throws -> String {
      do {
        _ = try texts(content, named: "e.jsonl", template: template)
      } catch let error as GuardFileError {
        return error.description
      }
      return ""
    }
    #expect(try message("{\"text\": \"a b\"}\n{\"words\": 1}").contains("line 2: expected an object with \"text\""))
    #expect(try message("Snow is white.").contains("must be named .txt"))
    let asked = #"{"messages": [{"role": "user", "content": "Hello"}]}"#
    #expect(try message(asked).contains("has no turn of the assistant"))
    let answered = #"{"messages": [{"role": "assistant", "content": "Hello"}]}"#
    #expect(try message(answered, template: false).contains("line 1: a conversation, but the tokenizer has no chat"))
    #expect(try message("").contains("holds no text"))
  }
}
