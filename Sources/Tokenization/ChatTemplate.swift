import Foundation
import Jinja
import OrderedJSON

/// Turns conversations into the text that a model was trained on, as `transformers`' `apply_chat_template` does with
/// `tokenize=False`, byte for byte. Templates are read once; rendering may happen on many threads at once.
public struct ChatTemplate: Sendable {
  private let templates: TextDictionary<Template>
  /// The text of the default template and of all others, for keys of caches.
  public let source: String
  /// The text of the template for conversations without tools; nil where none of several is named so.
  public let defaultSource: String?
  private let specialTokens: TextDictionary<String>

  /// Takes a template's text.
  /// - Parameter specialTokens: Tokens by the names under which the template sees them, such as `bos_token`.
  /// - Throws: `TemplateError` with the line if it is not a template or uses an unsupported feature.
  public init(source: String, specialTokens: TextDictionary<String> = [:]) throws {
    try self.init(sources: ["default": source], specialTokens: specialTokens)
  }

  /// Takes the chat template of a model folder and its special tokens: `chat_template.jinja` and
  /// `additional_chat_templates/*.jinja` when there are any, else what `tokenizer_config.json` holds.
  /// - Throws: `ChatTemplateError.missing` when the folder has none; `TemplateError` when it cannot be read.
  public init(folder: URL) throws {
    let configuration: TokenizerConfiguration?
    do {
      configuration = try TokenizerConfiguration(folder: folder)
    } catch TokenizerConfigurationError.missing {
      configuration = nil
    }
    var sources = try Self.files(in: folder)
    if sources.isEmpty { sources = configuration?.chatTemplates ?? [:] }
    guard !sources.isEmpty else { throw ChatTemplateError.missing(folder: folder.path) }
    try self.init(sources: sources, specialTokens: configuration?.specialTokens ?? [:])
  }

  private init(
    sources: TextDictionary<String>, specialTokens: TextDictionary<String>
  ) throws {
    templates = try sources.mapValues { (source) in try Template(source) }
    defaultSource = sources["default"]
    source = sources.count == 1 ? sources.values[0] : JSON.object(sources.mapValues { .string($0) }).serialized()
    self.specialTokens = specialTokens
  }

  /// The templates that a folder keeps in files of their own.
  private static func files(in folder: URL) throws -> TextDictionary<String> {
    var sources: TextDictionary<String> = [:]
    func read(_ file: URL, as name: String) throws {
      guard let data = FileManager.default.contents(atPath: file.path) else { return }
      guard let text = String(validating: data, as: UTF8.self) else {
        throw ChatTemplateError.notText(file: file.path)
      }
      sources[name] = text
    }
    try read(folder.appendingPathComponent("chat_template.jinja"), as: "default")
    let others = folder.appendingPathComponent("additional_chat_templates")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: others.path)) ?? []
    for name in names.sorted(by: { $0.precedesText($1) }) where name.hasTextSuffix(".jinja") {
      try read(others.appendingPathComponent(name), as: String(name.unicodeScalars.dropLast(".jinja".count)))
    }
    return sources
  }

  /// Renders a conversation.
  /// - Parameters:
  ///   - messages: Objects with `role`, `content` and anything else the template reads, such as `tool_calls` and
  ///     `reasoning_content`. Members that are null are dropped, and reasoning under the names `reasoning_content`,
  ///     `thinking` or `reasoning` is offered under the first two, as in `transformers`.
  ///   - tools: The schemas of the functions that the model may call.
  ///   - addGenerationPrompt: Whether the text ends where the model's answer starts.
  ///   - variables: More variables for the template, such as `enable_thinking`; they win over special tokens.
  ///   - now: The date and time that the template's `strftime_now` sees. Pass a fixed date where texts must not change from day to day.
  /// - Throws: `ChatTemplateError` for an invalid conversation, `TemplateError` from the template, with its line.
  public func render(
    messages: [JSON], tools: [JSON]? = nil, addGenerationPrompt: Bool = false, variables: JSON.Object = [:],
    now: Date = Date()
  ) throws -> String {
    guard !messages.isEmpty else { throw ChatTemplateError.emptyConversation }
    var context: JSON.Object = [:]
    for (name, token) in specialTokens { context[name] = .string(token) }
    context["documents"] = .null
    for (name, value) in variables { context[name] = value }
    var prepared: [JSON] = []
    prepared.reserveCapacity(messages.count)
    for (index, message) in messages.enumerated() {
      guard case .object(let members) = message else { throw ChatTemplateError.notAMessage(index: index) }
      prepared.append(.object(Self.prepared(members)))
    }
    context["messages"] = .array(prepared)
    context["tools"] = tools.map { .array($0) } ?? .null
    context["add_generation_prompt"] = .bool(addGenerationPrompt)
    return try template(hasTools: tools != nil).render(context, now: now)
  }

  /// A folder with several templates has one for tools, named so.
  private func template(hasTools: Bool) throws -> Template {
    if hasTools, let template = templates["tool_use"] { return template }
    guard let template = templates["default"] else {
      throw ChatTemplateError.noDefault(names: templates.keys.sorted { $0.precedesText($1) })
    }
    return template
  }

  /// Drops null members and offers reasoning under both names that templates read.
  private static func prepared(_ members: JSON.Object) -> JSON.Object {
    var message = members
    message.removeAll { $0.value.isNull }
    let names = ["reasoning_content", "thinking", "reasoning"]
    guard let reasoning = names.lazy.compactMap({ message[$0] }).first else { return message }
    var result: JSON.Object = ["thinking": reasoning]
    for (name, value) in message { result[name] = value }
    result["reasoning_content"] = reasoning
    return result
  }
}

/// Why a conversation could not be rendered, or a folder has no usable chat template.
public enum ChatTemplateError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The folder holds no chat template.
  case missing(folder: String)
  /// The template file is not UTF-8.
  case notText(file: String)
  /// The folder holds several chat templates with these names, but none is called `default`.
  case noDefault(names: [String])
  /// There is no message to render.
  case emptyConversation
  /// The message with this index, counted from 0, is not an object.
  case notAMessage(index: Int)

  /// Names the place, what was expected and what to do.
  public var description: String {
    switch self {
    case .missing(let folder):
      "\(folder): no chat template; expected chat_template.jinja, or \"chat_template\" in tokenizer_config.json"
    case .notText(let file): "\(file): expected a text in UTF-8"
    case .noDefault(let names):
      "there are several chat templates (\(names.joined(separator: ", "))) but none is named 'default'"
    case .emptyConversation: "expected at least one message, found an empty conversation"
    case .notAMessage(let index): "message \(index): expected an object with \"role\" and \"content\""
    }
  }
}
