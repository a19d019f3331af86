import Foundation
import Jinja
import OrderedJSON
import Testing
import Tokenization

/// Equality with `transformers`' `apply_chat_template`; goldens by Tools/reference/chat_templates.py.
@Suite("Chat templates") struct ChatTemplateTests {
  @Test(
    "Every conversation gives the text that transformers gives",
    arguments: ["alternating", "chatml", "llama3", "minimind2", "qwen25", "qwen3", "schema"])
  func conversations(name: String) throws {
    let goldens = try ConversationGoldens(Self.golden("chat_conversations.json"))
    try goldens.check(name)
  }

  static let minimind = sharedFolder("minimind")

  @Test(
    "MiniMind-3's own template gives the text that transformers gives",
    .enabled(
      if: FileManager.default.fileExists(atPath: minimind.path + "/tokenizer_config.json"),
      "needs MiniMind-3's tokenizer_config.json: set MINIMIND_SHARED to the folder that holds minimind/"))
  func minimind3() throws {
    let goldens = try ConversationGoldens(Self.golden("chat_conversations.json"))
    let expected = try Self.golden("chat_minimind3.json")
    let configuration = try TokenizerConfiguration(folder: Self.minimind)
    let source = try #require(configuration.chatTemplates["default"])
    #expect(
      source.fnv1a == expected["fnv1a"]?.string,
      "another version of the template: run Tools/reference/chat_templates.py")
    let template = try ChatTemplate(source: source, specialTokens: goldens.specialTokens)
    try goldens.check(template, "minimind3", try #require(expected["texts"]?.array))

    let fromFolder = try ChatTemplate(folder: Self.minimind)
    #expect(try fromFolder.render(messages: [["role": "user", "content": "Hi"]]) == "<|im_start|>user\nHi<|im_end|>\n")
    #expect(configuration.bosToken == "<|im_start|>")
    #expect(configuration.eosToken == "<|im_end|>")
    #expect(configuration.specialTokens["pad_token"] == "<|endoftext|>")
  }

  @Test(
    "Templates from elsewhere give the text that transformers gives",
    .enabled(
      if: ProcessInfo.processInfo.environment["CHAT_CONVERSATIONS"] != nil,
      "CHAT_CONVERSATIONS names a file that Tools/reference/chat_templates.py --check has written"))
  func otherTemplates() throws {
    let path = try #require(ProcessInfo.processInfo.environment["CHAT_CONVERSATIONS"])
    let goldens = try ConversationGoldens(JSON(parsing: Data(contentsOf: URL(fileURLWithPath: path))))
    for name in goldens.templates.keys { try goldens.check(name) }
  }

  @Test("A template is rendered from many threads at once")
  func manyThreads() async throws {
    let template = try ChatTemplate(
      source:
        "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{{ m.content }}{% endfor %}{{ ns.n }}"
    )
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for index in 0..<64 {
        group.addTask {
          let messages = (0...index).map { JSON.object(["content": .string("\($0);")]) }
          let expected = (0...index).map { "\($0);" }.joined() + "\(index + 1)"
          return try template.render(messages: messages) == expected
        }
      }
      for try await isRight in group { #expect(isRight) }
    }
  }

  @Test("`strftime_now` tells the given date")
  func date() throws {
    let template = try ChatTemplate(source: "{{ strftime_now('%Y %f|%%|') }}")
    let noon = Date(timeIntervalSince1970: 1_721_995_200.25)
    #expect(try template.render(messages: [["content": ""]], now: noon) == "2024 250000|%|")
  }

  @Test("What is no conversation is refused")
  func noConversation() throws {
    let template = try ChatTemplate(source: "{{ messages[0].content }}")
    #expect(throws: ChatTemplateError.emptyConversation) { try template.render(messages: []) }
    #expect(throws: ChatTemplateError.notAMessage(index: 1)) { try template.render(messages: [["content": "a"], "b"]) }
  }

  @Test("A template's own refusal carries its message and line")
  func refusal() throws {
    let template = try ChatTemplate(
      source: "{% for m in messages %}\n{{ raise_exception('no ' ~ m.role) }}{% endfor %}")
    let error = #expect(throws: TemplateError.self) { try template.render(messages: [["role": "cat"]]) }
    #expect(error?.reason == .raised)
    #expect(error?.description == "chat template, line 2: no cat")
  }

  static func golden(_ name: String) throws -> JSON {
    let folder = try #require(Bundle.module.url(forResource: "Goldens", withExtension: nil))
    return try JSON(parsing: Data(contentsOf: folder.appendingPathComponent(name)))
  }

  /// A folder of the data that is not part of this repository.
  static func sharedFolder(_ name: String) -> URL {
    let shared =
      ProcessInfo.processInfo.environment["MINIMIND_SHARED"].map { URL(fileURLWithPath: $0) }
      ?? URL(fileURLWithPath: #filePath).appendingPathComponent("../../../../shared").standardizedFileURL
    return shared.appendingPathComponent(name)
  }
}

/// Templates, conversations and their texts.
private struct ConversationGoldens {
  let templates: TextDictionary<String>
  let specialTokens: TextDictionary<String>
  let conversations: [JSON]
  let texts: JSON

  init(_ json: JSON) throws {
    func strings(_ name: String) throws -> TextDictionary<String> {
      try #require(json[name]?.object).compactMapValues(\.string)
    }
    templates = try strings("templates")
    specialTokens = try strings("special_tokens")
    conversations = try #require(json["conversations"]?.array)
    texts = try #require(json["texts"])
  }

  func check(_ name: String) throws {
    let template = try ChatTemplate(source: try #require(templates[name]), specialTokens: specialTokens)
    try check(template, name, try #require(texts[name]?.array))
  }

  func check(_ template: ChatTemplate, _ name: String, _ texts: [JSON]) throws {
    #expect(texts.count == conversations.count)
    for (index, (conversation, expected)) in zip(conversations, texts).enumerated() {
      let place: Comment = "\(name), conversation \(index)"
      do {
        let text = try template.render(
          messages: try #require(conversation["messages"]?.array), tools: conversation["tools"]?.array,
          addGenerationPrompt: conversation["add_generation_prompt"]?.bool ?? false,
          variables: conversation["variables"]?.object ?? [:])
        let wanted = try #require(expected["text"]?.string, place)
        #expect(
          text.utf8.elementsEqual(wanted.utf8), "\(place): \(text.debugDescription), not \(wanted.debugDescription)")
      } catch let error as TemplateError {
        #expect("\(error.reason)" == expected["error"]?.string, "\(place): \(error)")
        if let message = expected["message"]?.string { #expect(error.message == message, place) }
      }
    }
  }
}

extension String {
  /// The 64-bit FNV-1a hash in hexadecimal, as the script computes it.
  fileprivate var fnv1a: String {
    let hash = utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
