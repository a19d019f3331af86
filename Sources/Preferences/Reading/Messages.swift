import OrderedJSON

/// Checks conversations before a chat template sees them. A template prints nothing for what it does not know, and a run
/// would then train on an empty text unnoticed.
enum Messages {
  static let roles = ["system", "user", "assistant", "tool"]

  /// The messages of a list, or of one object, checked and in the form that templates expect.
  ///
  /// Content in parts (`[{"type": "text", "text": …}, …]`) is joined to one text, since text-only templates, MiniMind's
  /// among them, print lists as nothing; parts of another type are refused.
  /// - Parameters:
  ///   - place: the key, for messages.
  ///   - endsWithAssistant: whether the last message must be an assistant's, as every completion's must.
  static func checked(
    _ value: JSON, place: String, endsWithAssistant: Bool
  ) throws(UnusableRecord) -> [JSON] {
    let list = value.array ?? [value]
    if list.isEmpty { throw UnusableRecord("\"\(place)\" is an empty conversation") }
    var messages: [JSON] = []
    messages.reserveCapacity(list.count)
    for (index, message) in list.enumerated() {
      messages.append(try checked(message, place: value.array == nil ? place : "\(place)[\(index)]"))
    }
    if endsWithAssistant, let role = messages.last?["role"]?.string, role != "assistant" {
      throw UnusableRecord(
        "\"\(place)\" ends with a \(role) turn; a conversation must end with the assistant's, which is what is compared"
      )
    }
    return messages
  }

  private static func checked(_ message: JSON, place: String) throws(UnusableRecord) -> JSON {
    guard var members = message.object else {
      throw UnusableRecord(
        "\(place) is \(PreferenceFormat.kind(of: message)); expected a message with role and content")
    }
    // A turn in ShareGPT's words, wherever it stands.
    if members["role"] == nil, members["from"] != nil { return try ShareGPT.message(of: message, place: place) }

    guard let role = members["role"]?.string else {
      throw UnusableRecord("\(place) has no \"role\" that is a text; expected one of \(roles.joined(separator: ", "))")
    }
    guard roles.containsText(role) else {
      throw UnusableRecord(
        "\(place) has the unknown role \"\(role)\"; expected one of \(roles.joined(separator: ", "))")
    }
    // MiniMind's data writes tool calls as JSON text.
    if let text = members["tool_calls"]?.string, let calls = (try? JSON(parsing: text)), calls.array != nil {
      members["tool_calls"] = calls
    }
    if let calls = members["tool_calls"], !calls.isNull, calls.array == nil {
      throw UnusableRecord("\(place).tool_calls is \(PreferenceFormat.kind(of: calls)); expected a list")
    }
    if let reasoning = members["reasoning_content"], !reasoning.isNull, reasoning.string == nil {
      throw UnusableRecord(
        "\(place).reasoning_content is \(PreferenceFormat.kind(of: reasoning)); expected a text")
    }

    switch members["content"] {
    case .string:
      break
    case nil, .null:
      let hasCalls = !(members["tool_calls"]?.array ?? []).isEmpty
      guard role == "assistant", hasCalls else {
        throw UnusableRecord(
          "\(place).content is \(members["content"] == nil ? "absent" : "null"); "
            + "expected a text (only an assistant turn with tool_calls may go without)")
      }
    case .array(let parts):
      members["content"] = .string(try text(of: parts, place: place))
    case .some(let other):
      throw UnusableRecord("\(place).content is \(PreferenceFormat.kind(of: other)); expected a text")
    }
    return .object(members)
  }

  private static func text(of parts: [JSON], place: String) throws(UnusableRecord) -> String {
    var text = ""
    for (index, part) in parts.enumerated() {
      guard part["type"]?.string == "text", let piece = part["text"]?.string else {
        let type = part["type"]?.string.map { "of type \"\($0)\"" } ?? "without a type"
        throw UnusableRecord(
          "\(place).content[\(index)] is a part \(type); expected {\"type\": \"text\", \"text\": …}, "
            + "for only text can be learned from")
      }
      text += piece
    }
    return text
  }
}
