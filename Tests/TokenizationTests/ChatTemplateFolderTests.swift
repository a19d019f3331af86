import Foundation
import Jinja
import OrderedJSON
import Testing
import Tokenization

/// Where a model folder may keep its chat template.
@Suite("Chat templates of folders") struct ChatTemplateFolderTests {
  private static let hi: [JSON] = [["role": "user", "content": "hi"]]

  /// A folder with these files, removed afterwards.
  private func withFolder(_ files: [String: String], _ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("chat-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, text) in files {
      let file = folder.appendingPathComponent(name)
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
    try body(folder)
  }

  @Test("A file of its own wins over the configuration, whose tokens it sees")
  func templateFile() throws {
    try withFolder([
      "chat_template.jinja": "{{ bos_token }}{{ eos_token }}{{ sep_token }}file\n",
      "tokenizer_config.json":
        #"{"bos_token": {"content": "<b>"}, "eos_token": "<e>", "sep_token": null, "chat_template": "x"}"#,
    ]) { folder in
      let template = try ChatTemplate(folder: folder)
      #expect(try template.render(messages: Self.hi) == "<b><e>file")
      #expect(try template.render(messages: Self.hi, variables: ["bos_token": "<mine>"]) == "<mine><e>file")
    }
  }

  @Test("The older map of special tokens counts where no added tokens are listed")
  func specialTokensMap() throws {
    let map = #"{"bos_token": {"content": "<map>"}}"#
    for (decoder, expected) in [("", "<map>"), (#", "added_tokens_decoder": {}"#, "<config>")] {
      try withFolder([
        "tokenizer_config.json": #"{"bos_token": "<config>", "chat_template": "{{ bos_token }}"\#(decoder)}"#,
        "special_tokens_map.json": map,
      ]) { folder in
        let text = try ChatTemplate(folder: folder).render(messages: Self.hi)
        #expect(text == expected)
      }
    }
  }

  @Test("The configuration's template is used where there is no file")
  func configuration() throws {
    try withFolder(["tokenizer_config.json": #"{"chat_template": "{{ messages[0].role }}"}"#]) { folder in
      let text = try ChatTemplate(folder: folder).render(messages: Self.hi)
      #expect(text == "user")
    }
  }

  @Test("Of several templates the one for tools is used with tools")
  func severalTemplates() throws {
    let list =
      #"{"chat_template": [{"name": "default", "template": "d"}, {"name": "tool_use", "template": "{{ tools|length }}"}]}"#
    try withFolder(["tokenizer_config.json": list]) { folder in
      let template = try ChatTemplate(folder: folder)
      #expect(try template.render(messages: Self.hi) == "d")
      #expect(try template.render(messages: Self.hi, tools: []) == "0")
    }
    try withFolder(["chat_template.jinja": "d", "additional_chat_templates/tool_use.jinja": "t"]) { folder in
      let template = try ChatTemplate(folder: folder)
      #expect(try template.render(messages: Self.hi) == "d")
      #expect(try template.render(messages: Self.hi, tools: [["name": "f"]]) == "t")
    }
    try withFolder(["tokenizer_config.json": #"{"chat_template": [{"name": "rag", "template": "r"}]}"#]) { folder in
      #expect(throws: ChatTemplateError.noDefault(names: ["rag"])) {
        try ChatTemplate(folder: folder).render(messages: Self.hi)
      }
    }
  }

  @Test("A folder without a template is refused by name")
  func noTemplate() throws {
    try withFolder(["tokenizer_config.json": "{}"]) { folder in
      let error = #expect(throws: ChatTemplateError.self) { try ChatTemplate(folder: folder) }
      #expect(error?.description.hasPrefix(folder.path) == true)
    }
    let nowhere = URL(fileURLWithPath: "/nonexistent/folder")
    #expect(throws: ChatTemplateError.missing(folder: nowhere.path)) { try ChatTemplate(folder: nowhere) }
    #expect(throws: TokenizerConfigurationError.self) { try TokenizerConfiguration(folder: nowhere) }
  }

  @Test("Broken files are refused with their place")
  func brokenFiles() throws {
    try withFolder(["tokenizer_config.json": "{\n\"a\": }"]) { folder in
      let error = #expect(throws: TokenizerConfigurationError.self) { try ChatTemplate(folder: folder) }
      #expect(error?.description.contains("line 2, column 6") == true)
    }
    try withFolder(["chat_template.jinja": "a\n{% endfor %}"]) { folder in
      let error = #expect(throws: TemplateError.self) { try ChatTemplate(folder: folder) }
      #expect(error?.line == 2)
    }
  }
}
