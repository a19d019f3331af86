import OrderedJSON

/// Finds where the assistant's turns stand in a rendered conversation, by comparing it with what the chat template writes
/// without them. Nothing is searched for, so that an answer may quote any mark of the template.
///
/// A turn starts where the ids of the prompt (the messages before the turn, with the generation prompt) stop being those
/// of the conversation: TRL's rule for the start of a completion. The last turn reaches to the end, as in TRL; an earlier
/// one ends where the text of the conversation up to and including it ends.
///
/// Some templates write the beginning of a conversation differently once it goes on: they move the system message to the
/// last question, or leave out earlier reasoning. Where that happens, the turn is located by rendering the conversation
/// once more with another answer in its place: what the two texts share before and after is not the answer.
final class AssistantTurns {
  /// Renders messages, with the generation prompt or without.
  typealias Rendering = (_ messages: [JSON], _ generating: Bool) throws -> String

  private let render: (_ messages: [JSON], _ generating: Bool) throws -> [UInt8]
  private let encode: (String) -> [Int32]
  private let sharedMessages: Int
  /// The prompts of turns that follow messages of both sides, by the number of these messages.
  private var prompts: [Int: Conversation] = [:]

  /// A conversation as text and as tokens.
  struct Conversation {
    let messages: [JSON]
    let text: [UInt8]
    let ids: [Int32]
  }

  /// A finder for the conversations of one pair.
  /// - Parameters:
  ///   - sharedMessages: how many leading messages both sides have in common; prompts of these are rendered once.
  ///   - encode: the ids of a text, without special tokens.
  init(sharedMessages: Int, encode: @escaping (String) -> [Int32], render: @escaping Rendering) {
    self.sharedMessages = sharedMessages
    self.encode = encode
    self.render = { Array(try render($0, $1).utf8) }
  }

  /// Renders and encodes a conversation.
  /// - Throws: what the chat template says against it.
  func conversation(_ messages: [JSON]) throws -> Conversation {
    let text = try render(messages, false)
    return Conversation(messages: messages, text: text, ids: encode(text.text))
  }

  /// The tokens of the assistant's turns among some messages of a conversation, in order.
  func spans(of messages: Range<Int>, in conversation: Conversation) -> [Range<Int>] {
    var spans: [Range<Int>] = []
    for turn in messages where conversation.messages[turn]["role"]?.string == "assistant" {
      let start = max(start(of: turn, in: conversation), spans.last?.upperBound ?? 0)
      spans.append(start..<max(start, end(of: turn, in: conversation)))
    }
    return spans
  }

  // MARK: Where a turn starts

  private func start(of turn: Int, in conversation: Conversation) -> Int {
    guard turn > 0, let prompt = prompt(before: turn, in: conversation) else {
      return index(of: replaced(turn, in: conversation)?.body.lowerBound ?? 0, in: conversation)
    }
    // A completion of one message starts where TRL has it, whatever the template does.
    let isWholeCompletion = turn == sharedMessages && turn == conversation.messages.count - 1
    if !isWholeCompletion, !isBeginning(prompt.text, before: turn, of: conversation),
      let start = startAfterPreviousMessage(of: turn, in: conversation)
    {
      return start
    }
    return commonPrefixCount(prompt.ids, conversation.ids)
  }

  /// Whether the text of a conversation begins with the text of the messages before a turn.
  private func isBeginning(_ prompt: [UInt8], before turn: Int, of conversation: Conversation) -> Bool {
    let shared = commonPrefixCount(prompt, conversation.text)
    if shared == prompt.count { return true }
    guard let before = try? render(Array(conversation.messages[..<turn]), false) else { return false }
    return shared >= before.count
  }

  private func prompt(before turn: Int, in conversation: Conversation) -> Conversation? {
    if let known = prompts[turn] { return known }
    let messages = Array(conversation.messages[..<turn])
    guard let text = try? render(messages, true) else { return nil }
    let prompt = Conversation(messages: messages, text: text, ids: encode(text.text))
    if turn <= sharedMessages { prompts[turn] = prompt }
    return prompt
  }

  /// Where a turn starts in a conversation that does not begin with the text of its prompt: what follows the message
  /// before is compared with what follows it in the prompt.
  private func startAfterPreviousMessage(of turn: Int, in conversation: Conversation) -> Int? {
    guard let (placeholder, body) = replaced(turn - 1, in: conversation) else { return nil }
    let messages = Array(conversation.messages[..<(turn - 1)]) + [placeholder.message]
    guard let prompt = try? render(messages, true), let place = prompt.lastRange(of: placeholder.bytes) else {
      return nil
    }
    let shared = commonPrefixCount(prompt[place.upperBound...], conversation.text[body.upperBound...])
    return index(of: body.upperBound + shared, in: conversation)
  }

  // MARK: Where a turn ends

  private func end(of turn: Int, in conversation: Conversation) -> Int {
    let messages = conversation.messages
    if turn == messages.count - 1 { return conversation.ids.count }
    let closed = try? render(Array(messages[...turn]), false)
    if let closed, conversation.text.starts(with: closed) { return index(of: closed.count, in: conversation) }

    if let (placeholder, body) = replaced(turn, in: conversation),
      let closing = closing(of: turn, replacedBy: placeholder, in: conversation)
    {
      return index(
        of: body.upperBound + commonPrefixCount(closing, conversation.text[body.upperBound...]), in: conversation)
    }
    return index(of: closed.map { commonPrefixCount($0, conversation.text) } ?? 0, in: conversation)
  }

  /// What the template writes after a turn that others follow. The generation prompt is such a follower, and one that can
  /// be taken off again; what closes a whole conversation may be something else.
  private func closing(
    of turn: Int, replacedBy placeholder: Placeholder, in conversation: Conversation
  ) -> ArraySlice<UInt8>? {
    let before = Array(conversation.messages[..<turn])
    let messages = before + [placeholder.message]
    if turn > 0, let asked = try? render(before, false), let prompt = prompt(before: turn, in: conversation)?.text,
      prompt.starts(with: asked), let text = try? render(messages, true),
      let place = text.lastRange(of: placeholder.bytes)
    {
      let invitation = prompt[asked.count...]
      let after = text[place.upperBound...]
      return after.reversed().starts(with: invitation.reversed()) ? after.dropLast(invitation.count) : after
    }
    guard let text = try? render(messages, false), let place = text.lastRange(of: placeholder.bytes) else { return nil }
    return text[place.upperBound...]
  }

  // MARK: Places in the text

  /// The bytes that change when another message stands in a message's place, and that message; nil if the template
  /// refuses it, or prints nothing of it.
  private func replaced(_ message: Int, in conversation: Conversation) -> (by: Placeholder, body: Range<Int>)? {
    var messages = conversation.messages
    for placeholder in Placeholder.all(for: messages[message]) {
      messages[message] = placeholder.message
      guard let other = try? render(messages, false), other != conversation.text else { continue }
      let before = commonPrefixCount(other, conversation.text)
      let room = min(other.count, conversation.text.count) - before
      let after = min(room, commonPrefixCount(other.reversed(), conversation.text.reversed()))
      return (placeholder, before..<conversation.text.count - after)
    }
    return nil
  }

  /// The number of tokens before a place in the text; a token across it is not counted.
  private func index(of place: Int, in conversation: Conversation) -> Int {
    if place == conversation.text.count { return conversation.ids.count }
    var end = place
    while end > 0, conversation.text[end] & 0xC0 == 0x80 { end -= 1 }
    return commonPrefixCount(encode(Array(conversation.text[..<end]).text), conversation.ids)
  }
}

/// A message of the same role that says something else.
private struct Placeholder {
  let message: JSON
  let bytes: [UInt8]

  /// The placeholders to try in turn: tool calls come last in most templates, and some do not print them.
  static func all(for message: JSON) -> [Placeholder] {
    guard var members = message.object else { return [] }
    // The first and the last letter differ from those of the content, so that neither seems to be shared.
    let content = Array((members["content"]?.string ?? "").utf8.filter { $0 > 0x20 })
    let first = content.first == UInt8(ascii: "Z") ? "Q" : "Z"
    let last = content.last == UInt8(ascii: "z") ? "q" : "z"
    let word = first + "xqjvkwxqjvk" + last

    var placeholders: [Placeholder] = []
    if var calls = members["tool_calls"]?.array, let call = calls.last {
      calls[calls.count - 1] = Self.call(call, with: word)
      var calling = members
      calling["tool_calls"] = .array(calls)
      placeholders.append(Placeholder(message: .object(calling), bytes: Array(word.utf8)))
    }
    members["content"] = .string(word)
    return placeholders + [Placeholder(message: .object(members), bytes: Array(word.utf8))]
  }

  /// The call with another argument. Its name stays: what follows may print it.
  private static func call(_ call: JSON, with word: String) -> JSON {
    guard var members = call.object else { return call }
    if let function = members["function"] {
      members["function"] = Self.call(function, with: word)
    } else if members["arguments"]?.string != nil {
      members["arguments"] = .string("{\"\(word)\": \"\(word)\"}")
    } else {
      members["arguments"] = [word: .string(word)]
    }
    return .object(members)
  }
}
