import OrderedJSON

/// A request to `/v1/chat/completions`.
struct ChatRequest {
  let settings: CompletionSettings
  /// The conversation as chat templates take it.
  let messages: [JSON]
  /// The tools offered; nil for none.
  let tools: [JSON]?
  /// Variables for the template.
  let variables: JSON.Object
  /// Whether the model is asked to think first.
  let thinks: Bool

  init(_ fields: RequestFields, standard: CompletionStandard) throws(APIError) {
    settings = try CompletionSettings(fields, standard: standard)
    guard let list = try fields.list("messages"), !list.isEmpty else {
      throw .invalid("messages", "expected a list of at least one message")
    }
    var messages: [JSON] = []
    for (index, message) in list.enumerated() { messages.append(try Self.message(message, at: index)) }
    self.messages = messages
    tools = try Self.tools(fields)
    variables = try fields.object("chat_template_kwargs") ?? [:]
    thinks = try fields.text("reasoning_effort").map { $0 != "none" && $0 != "minimal" } ?? standard.thinks
    if let format = try fields.object("response_format"), format["type"]?.string != "text" {
      throw .invalid("response_format", "only {\"type\": \"text\"} is supported")
    }
  }

  private static let roles = ["system", "developer", "user", "assistant", "tool"]

  private static func message(_ json: JSON, at index: Int) throws(APIError) -> JSON {
    let field = "messages[\(index)]"
    guard var message = json.object else { throw .invalid(field, "expected an object") }
    guard let role = message["role"]?.string, roles.containsText(role) else {
      throw .invalid(field + ".role", "expected one of \(roles.joined(separator: ", "))")
    }
    // What OpenAI renamed is what templates know under the old name.
    if role == "developer" { message["role"] = "system" }
    switch message["content"] ?? .null {
    case .string: break
    case .array(let parts):
      let texts = parts.map { part in part["type"]?.string == "text" ? part["text"]?.string : nil }
      guard !texts.contains(nil) else {
        throw .invalid(field + ".content", "only parts of the type \"text\" are supported")
      }
      message["content"] = .string(texts.compactMap(\.self).joined())
    case .null:
      guard role == "assistant" else { throw .invalid(field + ".content", "this field is required") }
      message["content"] = ""
    default: throw .invalid(field + ".content", "expected a text or a list of parts")
    }
    if let calls = message["tool_calls"], !calls.isNull {
      guard let calls = calls.array else { throw .invalid(field + ".tool_calls", "expected a list") }
      message["tool_calls"] = .array(calls.map(withArgumentsAsObject))
    }
    return .object(message)
  }

  /// Templates print arguments as JSON: as a text they would be quoted once more.
  private static func withArgumentsAsObject(_ call: JSON) -> JSON {
    guard var members = call.object, var function = call["function"]?.object,
      let text = function["arguments"]?.string, let arguments = try? JSON(parsing: text), arguments.object != nil
    else { return call }
    function["arguments"] = arguments
    members["function"] = .object(function)
    return .object(members)
  }

  private static func tools(_ fields: RequestFields) throws(APIError) -> [JSON]? {
    let choice = fields["tool_choice"]
    guard choice == nil || choice == "auto" || choice == "none" else {
      throw .invalid("tool_choice", "only \"auto\" and \"none\" are supported: a model cannot be made to call a tool")
    }
    guard let tools = try fields.list("tools"), !tools.isEmpty, choice != "none" else { return nil }
    for (index, tool) in tools.enumerated() where tool["function"]?["name"]?.string == nil {
      throw .invalid("tools[\(index)]", "expected {\"type\": \"function\", \"function\": {\"name\": …}}")
    }
    return tools
  }
}
