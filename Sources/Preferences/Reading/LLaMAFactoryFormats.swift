import OrderedJSON

/// ShareGPT's way of writing a turn: `{"from": "human", "value": "…"}`.
enum ShareGPT {
  /// The turn as a message with role and content, and with whatever else it has. A function turn, whose value is the JSON text of one call or a list
  /// of calls (`name`, `arguments`), becomes an assistant turn with tool calls; an observation becomes a tool's.
  static func message(of turn: JSON, place: String) throws(UnusableRecord) -> JSON {
    guard let from = turn["from"]?.string else {
      throw UnusableRecord(
        "\(place) has no \"from\" that is a text; expected human, gpt, system, observation or function")
    }
    guard let value = turn["value"]?.string else {
      let found = turn["value"].map { PreferenceFormat.kind(of: $0) } ?? "absent"
      throw UnusableRecord("\(place).value is \(found); expected a text")
    }
    func message(_ role: String, _ content: String = value, calls: [JSON]? = nil) -> JSON {
      var message: JSON.Object = ["role": .string(role), "content": .string(content)]
      if let calls { message["tool_calls"] = .array(calls) }
      for (key, value) in turn.object ?? [:] where message[key] == nil && key != "from" && key != "value" {
        message[key] = value
      }
      return .object(message)
    }
    switch from {
    case "human", "user": return message("user")
    case "gpt", "assistant": return message("assistant")
    case "system": return message("system")
    case "observation", "tool": return message("tool")
    case "function", "function_call":
      let parsed = try? JSON(parsing: value)
      let calls = parsed?.array ?? (parsed?.object == nil ? [] : parsed.map { [$0] } ?? [])
      guard !calls.isEmpty, calls.allSatisfy({ $0["name"]?.string != nil && $0["arguments"] != nil }) else {
        throw UnusableRecord(
          "\(place).value of a function turn must be the JSON text of {\"name\": …, \"arguments\": …}")
      }
      return message("assistant", "", calls: calls.map { ["type": "function", "function": $0] })
    default:
      throw UnusableRecord(
        "\(place) has the unknown role \"\(from)\"; expected human, gpt, system, observation or function")
    }
  }
}

extension PreferenceFormat {
  /// LLaMA-Factory's ranking data in ShareGPT form: the turns so far, and two turns that could follow.
  static func shareGPT(
    turns: JSON, chosen: JSON, rejected: JSON, system: JSON?
  ) throws(UnusableRecord) -> PreferencePair {
    guard turns.array != nil else {
      throw UnusableRecord("\"conversations\" is \(kind(of: turns)); expected a list of turns")
    }
    for (key, turn) in [("chosen", chosen), ("rejected", rejected)] where turn.object == nil {
      throw UnusableRecord(
        "\"\(key)\" is \(kind(of: turn)) beside \"conversations\"; expected one turn with \"from\" and \"value\"")
    }
    var prompt = try Messages.checked(turns, place: "conversations", endsWithAssistant: false)
    // A system turn at the start of the conversation wins over the key, as in LLaMA-Factory.
    let message = try systemMessage(system)
    if prompt.first?["role"]?.string != "system", let message { prompt.insert(message, at: 0) }
    let chosen = try Messages.checked(chosen, place: "chosen", endsWithAssistant: true)
    let rejected = try Messages.checked(rejected, place: "rejected", endsWithAssistant: true)
    let isSystemUsed = message.map { isSameValue($0["content"] ?? .null, prompt.first?["content"] ?? .null) } ?? true
    return PreferencePair(
      content: .conversation(chosen: prompt + chosen, rejected: prompt + rejected, sharedMessages: prompt.count),
      unusedKeys: isSystemUsed ? [] : ["system"])
  }

  /// LLaMA-Factory's ranking data in Alpaca form: the user's message is the instruction and, on a new line, the input;
  /// `history` is a list of earlier [user, assistant] exchanges.
  static func alpaca(_ record: JSON) throws(UnusableRecord) -> PreferencePair {
    var prompt: [JSON] = []
    if let message = try systemMessage(record["system"]) { prompt.append(message) }
    if let history = record["history"], !history.isNull {
      guard let exchanges = history.array else {
        throw UnusableRecord("\"history\" is \(kind(of: history)); expected a list of [user, assistant] texts")
      }
      for (index, exchange) in exchanges.enumerated() {
        guard exchange.array?.count == 2, let user = exchange[0]?.string, let assistant = exchange[1]?.string else {
          throw UnusableRecord("history[\(index)] is not a list of two texts, the user's and the assistant's")
        }
        prompt.append(["role": "user", "content": .string(user)])
        prompt.append(["role": "assistant", "content": .string(assistant)])
      }
    }
    var question: [String] = []
    for key in ["instruction", "input"] {
      guard let value = record[key], !value.isNull else { continue }
      guard let text = value.string else {
        throw UnusableRecord("\"\(key)\" is \(kind(of: value)); expected a text")
      }
      if !text.isEmpty { question.append(text) }
    }
    if question.isEmpty { throw UnusableRecord("\"instruction\" and \"input\" are both empty") }
    prompt.append(["role": "user", "content": .string(question.joined(separator: "\n"))])

    var completions: [JSON] = []
    for key in ["chosen", "rejected"] {
      guard let text = record[key]?.string else {
        throw UnusableRecord(
          "\"\(key)\" is \(record[key].map { kind(of: $0) } ?? "absent") beside \"instruction\"; expected a text")
      }
      completions.append(["role": "assistant", "content": .string(text)])
    }
    return PreferencePair(
      content: .conversation(
        chosen: prompt + [completions[0]], rejected: prompt + [completions[1]], sharedMessages: prompt.count))
  }

  static func systemMessage(_ system: JSON?) throws(UnusableRecord) -> JSON? {
    guard let system, !system.isNull else { return nil }
    guard let text = system.string else {
      throw UnusableRecord("\"system\" is \(kind(of: system)); expected a text")
    }
    return text.isEmpty ? nil : ["role": "system", "content": .string(text)]
  }
}
