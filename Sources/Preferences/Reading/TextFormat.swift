import OrderedJSON

/// The shapes in which data for supervised fine-tuning is published, told apart object by object.
///
/// | shape | keys |
/// | --- | --- |
/// | conversation (MiniMind, ShareGPT) | `conversations`: a list of turns, `role`/`content` or `from`/`value` |
/// | conversation (OpenAI, TRL) | `messages`: a list of messages |
/// | prompt and completion (TRL) | `prompt`, `completion`: both lists of messages, or both texts |
/// | instruction (Alpaca) | `instruction`, `input`, `history`, `system`; `output`: a text |
/// | plain text (TRL) | `text` |
///
/// `tools`, `system` and `chat_template_kwargs` may stand beside any conversation, as in `PreferenceFormat`.
enum TextFormat {
  /// What the shapes are called in the message about an unknown one.
  static let known = """
    {"conversations": [turns]} (MiniMind, ShareGPT), {"messages": [messages]} (OpenAI, TRL), \
    {"prompt": …, "completion": …}, both lists of messages or both texts (TRL), \
    {"instruction": text, "input": text, "output": text} (Alpaca), {"text": text}
    """

  /// The text an object holds, as a pair with a chosen side only, with index 0 and line 1.
  ///
  /// - Parameters:
  ///   - applyChatTemplate: whether a prompt and a completion that are plain text are a question and an answer for the chat
  ///     template
  ///   - columns: the keys of the parts, where these are not the usual ones
  /// - Throws: `UnusableRecord`, with what is wrong in a sentence.
  static func text(
    of record: JSON, applyChatTemplate: Bool, columns: ColumnNames = ColumnNames()
  ) throws(UnusableRecord) -> PreferencePair {
    guard let given = record.object else {
      throw UnusableRecord(
        "expected an object, found \(PreferenceFormat.kind(of: record)). The formats known are: \(known)")
    }
    let members = try columns.renamed(given)
    var used: Set<String>
    var pair: PreferencePair
    if let key = ["conversations", "messages"].first(where: { !PreferenceFormat.isEmpty(members[$0]) }) {
      used = [key]
      pair = try conversation(members[key] ?? .null, key: key)
    } else if members["completion"] != nil {
      used = ["prompt", "completion"]
      pair = try completion(members, applyChatTemplate: applyChatTemplate)
    } else if members["instruction"] != nil, members["output"] != nil {
      used = ["instruction", "input", "history", "system", "output"]
      pair = try instruction(members)
    } else if let text = members["text"] {
      used = ["text"]
      guard let text = text.string, !text.isEmpty else {
        throw UnusableRecord(
          "\"text\" is \(text.string == nil ? PreferenceFormat.kind(of: text) : "empty"); expected a text")
      }
      pair = PreferencePair(content: .text(prompt: "", chosen: text, rejected: ""))
    } else if members["chosen"] != nil {
      throw UnusableRecord("this is a preference pair; --from-preferences learns from the chosen sides of pairs")
    } else {
      throw UnusableRecord(
        "the keys are \(PreferenceFormat.list(members.keys)). The formats known are: \(known)")
    }
    pair.hasRejected = false
    if case .conversation(let messages, _, let shared) = pair.content {
      try addSurroundings(of: members, to: &pair, messages: messages, shared: shared, used: &used)
    }
    let filled = members.filter { !PreferenceFormat.isEmpty($0.value) }.map(\.key)
    pair.unusedKeys = try PreferenceFormat.unusedKeys(filled, used: used, in: members)
    return pair
  }

  // MARK: The shapes

  /// A whole conversation, of which every turn of the assistant is learned from.
  private static func conversation(_ turns: JSON, key: String) throws(UnusableRecord) -> PreferencePair {
    guard turns.array != nil else {
      throw UnusableRecord("\"\(key)\" is \(PreferenceFormat.kind(of: turns)); expected a list")
    }
    let messages = try Messages.checked(turns, place: key, endsWithAssistant: false)
    try requireAnswer(in: messages, key: key)
    return PreferencePair(content: .conversation(chosen: messages, rejected: [], sharedMessages: 0))
  }

  private static func completion(
    _ members: JSON.Object, applyChatTemplate: Bool
  ) throws(UnusableRecord) -> PreferencePair {
    let (prompt, completion) = (members["prompt"] ?? .null, members["completion"] ?? .null)
    switch (prompt, completion) {
    case (.string(let prompt), .string(let completion)):
      for (key, text) in [("prompt", prompt), ("completion", completion)] where text.isEmpty {
        throw UnusableRecord("\"\(key)\" is an empty text")
      }
      guard applyChatTemplate else {
        return PreferencePair(content: .text(prompt: prompt, chosen: completion, rejected: ""))
      }
      return PreferencePair(
        content: .conversation(
          chosen: [message("user", prompt), message("assistant", completion)], rejected: [], sharedMessages: 1))
    case (.string(let prompt), .array), (.string(let prompt), .object):
      return try answered([message("user", prompt)], by: completion)
    case (.array, .array), (.array, .object):
      return try answered(Messages.checked(prompt, place: "prompt", endsWithAssistant: false), by: completion)
    default:
      throw UnusableRecord(
        "\"prompt\" is \(members["prompt"] == nil ? "absent" : PreferenceFormat.kind(of: prompt)), \"completion\" "
          + "\(PreferenceFormat.kind(of: completion)). The formats known are: \(known)")
    }
  }

  private static func answered(_ prompt: [JSON], by completion: JSON) throws(UnusableRecord) -> PreferencePair {
    let answer = try Messages.checked(completion, place: "completion", endsWithAssistant: false)
    try requireAnswer(in: answer, key: "completion")
    return PreferencePair(
      content: .conversation(chosen: prompt + answer, rejected: [], sharedMessages: prompt.count))
  }

  /// Alpaca's form, read as LLaMA-Factory's of preferences is.
  private static func instruction(_ members: JSON.Object) throws(UnusableRecord) -> PreferencePair {
    guard let output = members["output"]?.string, !output.isEmpty else {
      throw UnusableRecord("\"output\" beside \"instruction\" is not a text that says something")
    }
    var record = members
    (record["chosen"], record["rejected"]) = (.string(output), .string(output))
    return try PreferenceFormat.alpaca(.object(record)).chosenText
  }

  private static func requireAnswer(in messages: [JSON], key: String) throws(UnusableRecord) {
    guard messages.contains(where: { $0["role"]?.string == "assistant" }) else {
      throw UnusableRecord("\"\(key)\" has no turn of the assistant, which is what is learned from")
    }
  }

  private static func message(_ role: String, _ text: String) -> JSON {
    ["role": .string(role), "content": .string(text)]
  }

  // MARK: What stands beside a conversation

  private static func addSurroundings(
    of members: JSON.Object, to pair: inout PreferencePair, messages: [JSON], shared: Int, used: inout Set<String>
  ) throws(UnusableRecord) {
    var (messages, shared) = (messages, shared)
    if !used.contains("system"), let system = try PreferenceFormat.systemMessage(members["system"]) {
      if messages.first?["role"]?.string != "system" {
        messages.insert(system, at: 0)
        shared += shared > 0 ? 1 : 0
      } else if !isSameValue(messages[0]["content"] ?? .null, system["content"] ?? .null) {
        throw UnusableRecord(
          "\"system\" is not the system message that the conversation begins with; take one of them out")
      }
    }
    pair.content = .conversation(chosen: messages, rejected: [], sharedMessages: shared)
    pair.tools = try PreferenceFormat.tools(members["tools"])
    if pair.tools == nil, let first = messages.first, first["role"]?.string == "system" {
      // As MiniMind's data has them.
      pair.tools = try PreferenceFormat.tools(first["tools"] ?? first["functions"])
    }
    pair.templateVariables = try PreferenceFormat.templateVariables(members["chat_template_kwargs"])
    used.formUnion(["system", "tools", "chat_template_kwargs"])
  }
}
