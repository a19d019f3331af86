import OrderedJSON

/// The shapes in which preference data is published, told apart object by object.
///
/// | shape | keys |
/// | --- | --- |
/// | implicit prompt, conversational (MiniMind, TRL) | `chosen`, `rejected`: lists of messages, equal up to where they differ |
/// | explicit prompt, conversational (TRL) | `prompt`, `chosen`, `rejected`: lists of messages (a completion may be one message) |
/// | explicit prompt, plain text (TRL) | `prompt`, `chosen`, `rejected`: strings |
/// | implicit prompt, plain text (TRL) | `chosen`, `rejected`: strings that begin alike |
/// | LLaMA-Factory ranking, ShareGPT | `conversations`: list of `from`/`value`; `chosen`, `rejected`: one such turn; `system`, `tools` |
/// | LLaMA-Factory ranking, Alpaca | `instruction`, `input`, `history`, `system`; `chosen`, `rejected`: strings |
/// | axolotl | `messages`: the prompt as a list of messages; `chosen`, `rejected`: the answer, a message or a list |
///
/// `OtherSpellings` has more of axolotl's, and those of ms-swift, NeMo RL and HelpSteer.
///
/// `tools` (a list, or the same as a JSON string), `chat_template_kwargs` (an object) and `system` (a text) may stand beside
/// any conversational shape. A `prompt` string beside lists of messages is a repetition of one of their messages, as several
/// public data sets have it, or, where both lists begin with the assistant's turn, the user's message before it.
/// `messages` may repeat the beginning of both lists, or all of one.
///
/// A key that elsewhere is part of a prompt and that a line's shape does not read is refused. All other keys are left out
/// and named in `PreferencePair.unusedKeys`.
public enum PreferenceFormat {
  /// What the shapes are called in the message about an unknown one.
  static let known = """
    {"chosen": [messages], "rejected": [messages]} (MiniMind, TRL), \
    {"prompt": [messages] or text, "chosen": …, "rejected": …} (TRL), \
    {"chosen": text, "rejected": text} (TRL), \
    {"messages": [messages], "chosen": …, "rejected": …} (axolotl), \
    {"conversations": [turns], "chosen": turn, "rejected": turn} or \
    {"instruction": text, "chosen": text, "rejected": text} (LLaMA-Factory), \
    {"messages": [messages], "rejected_response": text} (ms-swift), \
    {"context": [messages], "completions": [{"rank": …, "completion": [messages]}, …]} (NeMo RL), \
    {"context": [messages], "response1": text, "response2": text, "overall_preference": number} (HelpSteer). \
    Other keys are named with --columns
    """

  /// The pair an object describes, with index 0 and line 1.
  /// - Parameters:
  ///   - applyChatTemplate: whether plain text is a question and an answer for the chat template.
  ///   - columns: the keys of the parts, where these are not the usual ones.
  /// - Throws: `UnusableRecord`, with what is wrong in a sentence.
  public static func pair(
    of record: JSON, applyChatTemplate: Bool = false, columns: ColumnNames = ColumnNames()
  ) throws(UnusableRecord) -> PreferencePair {
    guard let members = record.object else {
      throw UnusableRecord("expected an object with \"chosen\" and \"rejected\", found \(kind(of: record))")
    }
    let renamed = try columns.renamed(members)
    guard let translation = try OtherSpellings.translated(renamed) else {
      return try pair(of: renamed, applyChatTemplate: applyChatTemplate)
    }
    var pair = try pair(of: translation.record, applyChatTemplate: applyChatTemplate)
    pair.scoreMargin = translation.scoreMargin ?? pair.scoreMargin
    pair.isTie = translation.isTie
    return pair
  }

  /// The pair of a line in TRL's, LLaMA-Factory's or axolotl's words.
  private static func pair(of members: JSON.Object, applyChatTemplate: Bool) throws(UnusableRecord) -> PreferencePair {
    for key in ["chosen", "rejected"] where members[key] == nil {
      throw UnusableRecord(
        "no \"\(key)\"; the keys are \(list(members.keys)). The formats known are: \(known)")
    }
    let chosen = members["chosen"] ?? .null
    let rejected = members["rejected"] ?? .null

    var pair: PreferencePair
    var used: Set<String> = ["chosen", "rejected"]
    if let turns = members["conversations"], !isEmpty(turns) {
      pair = try shareGPT(turns: turns, chosen: chosen, rejected: rejected, system: members["system"])
      used.formUnion(["conversations", "system"])
    } else if members["instruction"] != nil {
      pair = try alpaca(.object(members))
      used.formUnion(["instruction", "input", "history", "system"])
    } else {
      used.insert("prompt")
      switch (members["prompt"] ?? .null, chosen, rejected) {
      case (.array, .array, .array), (.array, .object, .object):
        pair = try explicitConversation(prompt: members["prompt"] ?? .null, chosen: chosen, rejected: rejected)
      case (.null, .array, .array) where isEmpty(members["messages"]):
        pair = try implicitConversation(chosen: chosen, rejected: rejected)
      case (.null, .array, .array),
        (.null, .object, .object) where !isEmpty(members["messages"]):
        pair = try conversation(chosen: chosen, rejected: rejected, messages: members["messages"] ?? .null)
        used.insert("messages")
      case (.string(let prompt), .array, .array), (.string(let prompt), .object, .object):
        pair = try conversation(chosen: chosen, rejected: rejected, besides: prompt)
      case (.string(let prompt), .string(let chosen), .string(let rejected)):
        pair = try text(prompt: prompt, chosen: chosen, rejected: rejected)
        if applyChatTemplate { pair = try question(prompt, chosen: chosen, rejected: rejected) }
      case (.null, .string(let chosen), .string(let rejected)):
        if applyChatTemplate {
          throw UnusableRecord("--apply-chat-template needs the question in \"prompt\"; there is none")
        }
        pair = try text(chosen: chosen, rejected: rejected)
      case (let prompt, _, _):
        let found = [prompt, chosen, rejected].map { kind(of: $0) }
        throw UnusableRecord(
          "\"prompt\" is \(members["prompt"] == nil ? "absent" : found[0]), \"chosen\" \(found[1]), "
            + "\"rejected\" \(found[2]). The formats known are: \(known)")
      }
    }
    if case .conversation = pair.content {
      if !used.contains("system"), let system = try systemMessage(members["system"]) {
        pair.content = try content(of: pair, under: system)
      }
      pair.tools = try tools(members["tools"])
      if pair.tools == nil { pair.tools = try toolsOfSystemMessage(pair) }
      pair.templateVariables = try templateVariables(members["chat_template_kwargs"])
      used.formUnion(["system", "tools", "chat_template_kwargs"])
    }
    if let margin = ScoreColumns.margin(in: members) {
      pair.scoreMargin = margin.value
      used.formUnion(margin.keys)
    }
    let filled = members.filter { !isEmpty($0.value) }.map(\.key)
    pair.unusedKeys += try unusedKeys(filled, used: used, in: members)
    return pair
  }

  // MARK: Keys that are not read

  /// Keys that hold a part of the prompt in some format.
  private static let promptKeys: Set<String> = [
    "prompt", "messages", "conversation", "conversations", "system", "history", "instruction", "input", "question",
    "query",
    "context", "tools", "chat_template_kwargs", "documents", "image", "images", "video", "videos", "audio", "audios",
  ]

  /// The keys that were not used.
  /// - Throws: `UnusableRecord` if one of them holds a part of the prompt that is nowhere in the pair.
  static func unusedKeys(
    _ keys: [String], used: Set<String>, in record: JSON.Object
  ) throws(UnusableRecord) -> [String] {
    let unused = keys.filter { !used.contains($0) }
    for key in unused where promptKeys.contains(key) {
      // Public data sets repeat the question under another key.
      if let text = record[key]?.string, used.contains(where: { holds(record[$0], text) }) { continue }
      let read = used.filter { record[$0] != nil }.sorted().map { "\"\($0)\"" }.joined(separator: ", ")
      throw UnusableRecord(
        "\"\(key)\" would not be read: this line is read by \(read). Put its text where it belongs, or take the key out"
      )
    }
    return unused
  }

  /// Whether a value is a text, or has one somewhere within it.
  private static func holds(_ value: JSON?, _ text: String) -> Bool {
    switch value {
    case .string(let found): isSameValue(.string(trimmed(found)), .string(trimmed(text)))
    case .array(let elements): elements.contains { holds($0, text) }
    case .object(let members): members.values.contains { holds($0, text) }
    default: false
    }
  }

  /// Whether a value is absent, null, or has nothing in it.
  static func isEmpty(_ value: JSON?) -> Bool {
    switch value {
    case nil, .null: true
    case .string(let text): trimmed(text).isEmpty
    case .array(let elements): elements.isEmpty
    case .object(let members): members.isEmpty
    default: false
    }
  }

  private static func trimmed(_ text: String) -> String {
    let scalars = text.unicodeScalars.drop(while: \.properties.isWhitespace)
    return String(String.UnicodeScalarView(scalars.reversed().drop(while: \.properties.isWhitespace).reversed()))
  }

  // MARK: Conversations

  private static func implicitConversation(chosen: JSON, rejected: JSON) throws(UnusableRecord) -> PreferencePair {
    let chosen = try Messages.checked(chosen, place: "chosen", endsWithAssistant: true)
    let rejected = try Messages.checked(rejected, place: "rejected", endsWithAssistant: true)
    return pair(chosen: chosen, rejected: rejected)
  }

  private static func explicitConversation(
    prompt: JSON, chosen: JSON, rejected: JSON, key: String = "prompt"
  ) throws(UnusableRecord) -> PreferencePair {
    let prompt = try Messages.checked(prompt, place: key, endsWithAssistant: false)
    let chosen = try Messages.checked(chosen, place: "chosen", endsWithAssistant: true)
    let rejected = try Messages.checked(rejected, place: "rejected", endsWithAssistant: true)
    return PreferencePair(
      content: .conversation(chosen: prompt + chosen, rejected: prompt + rejected, sharedMessages: prompt.count))
  }

  private static func conversation(
    chosen: JSON, rejected: JSON, besides prompt: String
  ) throws(UnusableRecord) -> PreferencePair {
    if beginsWithAnswer(chosen), beginsWithAnswer(rejected) {
      return try explicitConversation(
        prompt: [["role": "user", "content": .string(prompt)]], chosen: chosen, rejected: rejected)
    }
    let pair = try implicitConversation(chosen: chosen, rejected: rejected)
    guard isEmpty(.string(prompt)) || repeats(prompt, in: pair) else {
      throw UnusableRecord(
        "the text of \"prompt\" is in no message of \"chosen\" and \"rejected\", which are whole conversations. Take it out, "
          + "or let both begin with the assistant's answer")
    }
    return pair
  }

  /// Whether a prompt repeats what is in both conversations: one of their messages, or a text made of them.
  private static func repeats(_ prompt: String, in pair: PreferencePair) -> Bool {
    guard case .conversation(let chosen, let rejected, _) = pair.content else { return false }
    let prompt = Array(trimmed(prompt).utf8)
    return [chosen, rejected].allSatisfy { messages in
      messages.dropLast().contains { message in
        let content = Array(trimmed(message["content"]?.string ?? "").utf8)
        return !content.isEmpty && (content.firstRange(of: prompt) ?? prompt.firstRange(of: content)) != nil
      }
    }
  }

  /// `messages` beside answers is the prompt; beside whole conversations it repeats them.
  private static func conversation(
    chosen: JSON, rejected: JSON, messages: JSON
  ) throws(UnusableRecord) -> PreferencePair {
    guard messages.array != nil else {
      throw UnusableRecord("\"messages\" is \(kind(of: messages)); expected a list of messages")
    }
    if beginsWithAnswer(chosen), beginsWithAnswer(rejected) {
      var pair = try explicitConversation(prompt: messages, chosen: chosen, rejected: rejected, key: "messages")
      // A data set that compares openings has whole conversations that begin with the assistant.
      if let whole = try? implicitConversation(chosen: chosen, rejected: rejected), repeats(messages, in: whole) {
        pair = whole
      }
      return pair
    }
    let pair = try implicitConversation(chosen: chosen, rejected: rejected)
    guard repeats(messages, in: pair) else {
      throw UnusableRecord(
        "\"messages\" is not the beginning of \"chosen\" and \"rejected\", which are whole conversations. Take it out, or let both "
          + "begin with the assistant's answer")
    }
    return pair
  }

  /// Whether messages are the beginning of both conversations, or all of one.
  private static func repeats(_ messages: JSON, in pair: PreferencePair) -> Bool {
    guard let messages = try? Messages.checked(messages, place: "messages", endsWithAssistant: false),
      case .conversation(let chosen, let rejected, let shared) = pair.content
    else { return false }
    func begins(_ conversation: [JSON]) -> Bool {
      messages.count <= conversation.count && zip(messages, conversation).allSatisfy { isSameValue($0, $1) }
    }
    return messages.count <= shared
      ? begins(chosen) : [chosen, rejected].contains { $0.count == messages.count && begins($0) }
  }

  private static func beginsWithAnswer(_ completion: JSON) -> Bool {
    let first = completion.array == nil ? completion : completion[0]
    return first?["role"]?.string == "assistant" || ["gpt", "assistant"].contains(first?["from"]?.string)
  }

  /// The conversations of a pair under a system message.
  private static func content(
    of pair: PreferencePair, under system: JSON
  ) throws(UnusableRecord) -> PreferencePair.Content {
    guard case .conversation(let chosen, let rejected, let shared) = pair.content else { return pair.content }
    let first = [chosen, rejected].map { $0.first?["role"]?.string == "system" ? $0.first : nil }
    if first.allSatisfy({ $0 == nil }) {
      return .conversation(chosen: [system] + chosen, rejected: [system] + rejected, sharedMessages: shared + 1)
    }
    guard first.allSatisfy({ $0.map { isSameValue($0["content"] ?? .null, system["content"] ?? .null) } ?? false })
    else {
      throw UnusableRecord(
        "\"system\" is not the system message that the conversations begin with; take one of them out")
    }
    return pair.content
  }

  /// A pair of whole conversations. As TRL's `extract_prompt`, it leaves at least one message to each side.
  static func pair(chosen: [JSON], rejected: [JSON]) -> PreferencePair {
    var shared = 0
    while shared + 1 < min(chosen.count, rejected.count), isSameValue(chosen[shared], rejected[shared]) { shared += 1 }
    return PreferencePair(content: .conversation(chosen: chosen, rejected: rejected, sharedMessages: shared))
  }

  // MARK: Plain text

  private static func text(
    prompt: String, chosen: String, rejected: String
  ) throws(UnusableRecord) -> PreferencePair {
    for (key, text) in [("prompt", prompt), ("chosen", chosen), ("rejected", rejected)] where text.isEmpty {
      throw UnusableRecord("\"\(key)\" is an empty text")
    }
    return PreferencePair(content: .text(prompt: prompt, chosen: chosen, rejected: rejected))
  }

  /// A plain-text pair as conversations: the prompt is what the user says.
  private static func question(
    _ prompt: String, chosen: String, rejected: String
  ) throws(UnusableRecord) -> PreferencePair {
    func answer(_ text: String) -> JSON { ["role": "assistant", "content": .string(text)] }
    return try explicitConversation(
      prompt: [["role": "user", "content": .string(prompt)]], chosen: answer(chosen), rejected: answer(rejected))
  }

  /// Splits the shared beginning off two texts as TRL's `extract_prompt` does, in Unicode scalars: the prompt ends
  /// where they differ, one earlier where that leaves the space before a word to the completions; a text that is the
  /// beginning of the other keeps its last scalar as its completion.
  private static func text(chosen: String, rejected: String) throws(UnusableRecord) -> PreferencePair {
    let one = Array(chosen.unicodeScalars)
    let other = Array(rejected.unicodeScalars)
    let common = commonPrefixCount(one, other)
    var cut = common
    if common == min(one.count, other.count) {
      cut -= 1
    } else if common > 0, one[common - 1] == " " {
      cut -= 1
    }
    guard cut > 0 else {
      throw UnusableRecord(
        "\"chosen\" and \"rejected\" are texts that do not begin alike, so there is no prompt; put it into \"prompt\"")
    }
    func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
      var text = String.UnicodeScalarView()
      text.append(contentsOf: scalars)
      return String(text)
    }
    return PreferencePair(
      content: .text(prompt: string(one[..<cut]), chosen: string(one[cut...]), rejected: string(other[cut...])))
  }

  // MARK: What stands beside

  /// Tools as a list or as its JSON text; null and an empty list are no tools, as in TRL.
  static func tools(_ value: JSON?) throws(UnusableRecord) -> [JSON]? {
    switch value {
    case nil, .null:
      return nil
    case .array(let tools):
      return tools.isEmpty ? nil : tools
    case .string(let text):
      if text.utf8.allSatisfy({ $0 == 0x20 || $0 == 0x0A }) { return nil }
      guard let tools = (try? JSON(parsing: text))?.array else {
        throw UnusableRecord("\"tools\" is a string, but not the JSON text of a list")
      }
      return tools.isEmpty ? nil : tools
    case .some(let other):
      throw UnusableRecord("\"tools\" is \(kind(of: other)); expected a list, or a list as JSON text")
    }
  }

  /// Tools that a system message holds under `tools` or `functions`, as MiniMind's data has them.
  private static func toolsOfSystemMessage(_ pair: PreferencePair) throws(UnusableRecord) -> [JSON]? {
    guard case .conversation(let chosen, _, let shared) = pair.content, shared > 0, let first = chosen.first,
      first["role"]?.string == "system"
    else { return nil }
    return try tools(first["tools"] ?? first["functions"])
  }

  static func templateVariables(_ value: JSON?) throws(UnusableRecord) -> JSON.Object {
    guard let value, !value.isNull else { return [:] }
    guard let members = value.object else {
      throw UnusableRecord("\"chat_template_kwargs\" is \(kind(of: value)); expected an object")
    }
    return members
  }

  // MARK: Words

  /// What a value is, with its article, for messages.
  static func kind(of value: JSON) -> String {
    switch value {
    case .null: "null"
    case .bool: "a boolean"
    case .integer, .longInteger, .number: "a number"
    case .string: "a text"
    case .array: "a list"
    case .object: "an object"
    }
  }

  /// Keys in quotes, for messages.
  static func list(_ keys: [String]) -> String {
    if keys.isEmpty { return "none" }
    let shown = keys.prefix(10).map { "\"\($0.prefix(40))\"" }.joined(separator: ", ")
    return keys.count > 10 ? shown + ", …" : shown
  }
}
