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
///
/// `tools` (a list, or the same as a JSON string) and `chat_template_kwargs` (an object) may stand beside any
/// conversational shape. Other keys are ignored. A `prompt` string beside lists of messages is a repetition of their
/// first message, as several public data sets have it, or, where both lists begin with the assistant's turn, the
/// user's message before it.
public enum PreferenceFormat {
  /// What the shapes are called in the message about an unknown one.
  static let known = """
    {"chosen": [messages], "rejected": [messages]} (MiniMind, TRL), \
    {"prompt": [messages] or text, "chosen": …, "rejected": …} (TRL), \
    {"chosen": text, "rejected": text} (TRL), \
    {"conversations": [turns], "chosen": turn, "rejected": turn} or \
    {"instruction": text, "chosen": text, "rejected": text} (LLaMA-Factory)
    """

  /// The pair an object describes, with index 0 and line 1.
  /// - Throws: `UnusableRecord`, with what is wrong in a sentence.
  public static func pair(of record: JSON) throws(UnusableRecord) -> PreferencePair {
    guard let members = record.object else {
      throw UnusableRecord("expected an object with \"chosen\" and \"rejected\", found \(kind(of: record))")
    }
    for key in ["chosen", "rejected"] where members[key] == nil {
      throw UnusableRecord(
        "no \"\(key)\"; the keys are \(list(members.keys.map { $0 })). The formats known are: \(known)")
    }
    let chosen = members["chosen"] ?? .null
    let rejected = members["rejected"] ?? .null

    var pair: PreferencePair
    if let turns = members["conversations"] {
      pair = try shareGPT(turns: turns, chosen: chosen, rejected: rejected, system: members["system"])
    } else if let instruction = members["instruction"] {
      pair = try alpaca(instruction: instruction, record: record)
    } else {
      switch (members["prompt"] ?? .null, chosen, rejected) {
      case (.array, .array, .array), (.array, .object, .object):
        pair = try explicitConversation(prompt: members["prompt"] ?? .null, chosen: chosen, rejected: rejected)
      case (.null, .array, .array):
        pair = try implicitConversation(chosen: chosen, rejected: rejected)
      case (.string(let prompt), .array, .array):
        pair = try conversation(chosen: chosen, rejected: rejected, besides: prompt)
      case (.string(let prompt), .string(let chosen), .string(let rejected)):
        pair = try text(prompt: prompt, chosen: chosen, rejected: rejected)
      case (.null, .string(let chosen), .string(let rejected)):
        for key in ["question", "query", "input"] where members[key] != nil {
          throw UnusableRecord("\"chosen\" and \"rejected\" are texts beside \"\(key)\": call that key \"prompt\"")
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
      pair.tools = try tools(members["tools"])
      pair.templateVariables = try templateVariables(members["chat_template_kwargs"])
    }
    return pair
  }

  // MARK: Conversations

  private static func implicitConversation(chosen: JSON, rejected: JSON) throws(UnusableRecord) -> PreferencePair {
    let chosen = try Messages.checked(chosen, place: "chosen", endsWithAssistant: true)
    let rejected = try Messages.checked(rejected, place: "rejected", endsWithAssistant: true)
    return pair(chosen: chosen, rejected: rejected)
  }

  private static func explicitConversation(
    prompt: JSON, chosen: JSON, rejected: JSON
  ) throws(UnusableRecord) -> PreferencePair {
    let prompt = try Messages.checked(prompt, place: "prompt", endsWithAssistant: false)
    let chosen = try Messages.checked(chosen, place: "chosen", endsWithAssistant: true)
    let rejected = try Messages.checked(rejected, place: "rejected", endsWithAssistant: true)
    return PreferencePair(
      content: .conversation(chosen: prompt + chosen, rejected: prompt + rejected, sharedMessages: prompt.count))
  }

  private static func conversation(
    chosen: JSON, rejected: JSON, besides prompt: String
  ) throws(UnusableRecord) -> PreferencePair {
    if chosen[0]?["role"]?.string == "assistant", rejected[0]?["role"]?.string == "assistant" {
      return try explicitConversation(
        prompt: [["role": "user", "content": .string(prompt)]], chosen: chosen, rejected: rejected)
    }
    return try implicitConversation(chosen: chosen, rejected: rejected)
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
  private static func tools(_ value: JSON?) throws(UnusableRecord) -> [JSON]? {
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

  private static func templateVariables(_ value: JSON?) throws(UnusableRecord) -> [String: JSON] {
    guard let value, !value.isNull else { return [:] }
    guard let members = value.object else {
      throw UnusableRecord("\"chat_template_kwargs\" is \(kind(of: value)); expected an object")
    }
    return Dictionary(uniqueKeysWithValues: members.map { ($0.key, $0.value) })
  }

  // MARK: Words

  /// What a value is, with its article, for messages.
  static func kind(of value: JSON) -> String {
    switch value {
    case .null: "null"
    case .bool: "a boolean"
    case .integer, .number: "a number"
    case .string: "a text"
    case .array: "a list"
    case .object: "an object"
    }
  }

  private static func list(_ keys: [String]) -> String {
    if keys.isEmpty { return "none" }
    let shown = keys.prefix(10).map { "\"\($0.prefix(40))\"" }.joined(separator: ", ")
    return keys.count > 10 ? shown + ", …" : shown
  }
}

/// Why an object is no preference pair, in a sentence.
public struct UnusableRecord: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong, what was expected, and what to do.
  public let description: String

  init(_ description: String) {
    self.description = description
  }
}
