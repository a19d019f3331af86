import OrderedJSON

/// The texts a chat template puts before and after what the assistant says, found by trying the template out.
///
/// For MiniMind and other ChatML templates `<|im_start|>assistant\n` and `<|im_end|>\n`, for Llama-3
/// `<|start_header_id|>assistant<|end_header_id|>\n\n` and `<|eot_id|>`.
public struct TurnMarkers: Hashable, Sendable {
  /// What opens an assistant turn.
  public let header: String
  /// What closes an assistant turn, and still belongs to it: the model must learn to stop.
  public let terminator: String
  /// What an assistant turn adds to the text of the messages before it until the reply begins: the header, or what of it
  /// the template has not written already. MiniMind2's template ends every question with the header, so there it is empty.
  public let opening: String

  /// Markers that are known.
  /// - Parameter opening: the header, unless given.
  public init(header: String, terminator: String, opening: String? = nil) {
    self.header = header
    self.terminator = terminator
    self.opening = opening ?? header
  }

  /// Finds the markers by rendering short conversations.
  ///
  /// The header is what the generation prompt and an assistant turn have in common, up to a thinking block: MiniMind-3's
  /// generation prompt ends with an empty one, which is part of the reply. Where there is no generation prompt, the
  /// header is what stands between question and answer, less the mark that closes the question. The terminator is what
  /// follows the reply at the end of a conversation, and must follow it in the middle too.
  /// - Parameter render: the chat template; (messages, add_generation_prompt) to text.
  /// - Throws: `PairError.noTurnMarkers`, with what was found instead.
  init(probing render: ([JSON], Bool) throws -> String) throws(PairError) {
    let probe = try Probe(render)
    let terminator = try probe.terminator()
    let between = probe.answered[probe.asked.count..<probe.reply.lowerBound]

    if probe.generating.count > probe.asked.count {
      let prompt = probe.generating[probe.asked.count...]
      let header = Self.beforeThinking(prompt.prefix(commonPrefixCount(prompt, between)))
      guard !header.isEmpty else {
        throw .noTurnMarkers(reason: "the generation prompt \(prompt.text) is not how it begins an assistant turn")
      }
      self.init(header: header.text, terminator: terminator.text)
    } else {
      var header = probe.answered[probe.question.upperBound..<probe.reply.lowerBound]
      if header.starts(with: terminator) { header = header.dropFirst(terminator.count) }
      header = Self.beforeThinking(header)
      // A space in front of the reply becomes part of the reply's first token.
      while header.last == UInt8(ascii: " ") { header = header.dropLast() }
      guard !header.isEmpty else {
        throw .noTurnMarkers(
          reason: "it writes nothing between a question and its answer, with add_generation_prompt or without")
      }
      self.init(
        header: header.text, terminator: terminator.text,
        opening: probe.answered[probe.asked.count..<max(probe.asked.count, header.endIndex)].text)
    }
  }

  private static func beforeThinking(_ header: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard let thinking = Array(header).firstRange(of: Array("<think>".utf8)) else { return header }
    return header.prefix(thinking.lowerBound)
  }
}

/// One question and one answer as a template writes them.
private struct Probe {
  /// The question alone.
  let asked: [UInt8]
  /// The question and what invites an answer.
  let generating: [UInt8]
  /// Question and answer.
  let answered: [UInt8]
  /// Question, answer and another question.
  let continued: [UInt8]
  /// Where the question's words stand, in `asked` and `answered`.
  let question: Range<Int>
  /// Where the answer's words stand in `answered`.
  let reply: Range<Int>

  private static let questionText = "Zwölf Boxkämpfer jagen Viktor."
  private static let answerText = "Quick zephyrs blow, vexing daft Jim."

  init(_ render: ([JSON], Bool) throws -> String) throws(PairError) {
    let user: JSON = ["role": "user", "content": .string(Self.questionText)]
    let assistant: JSON = ["role": "assistant", "content": .string(Self.answerText)]
    func utf8(_ messages: [JSON], generating: Bool = false) throws(PairError) -> [UInt8] {
      do {
        return Array(try render(messages, generating).utf8)
      } catch {
        throw .noTurnMarkers(reason: "it refuses a conversation of one question and one answer (\(error))")
      }
    }
    asked = try utf8([user])
    generating = try utf8([user], generating: true)
    answered = try utf8([user, assistant])
    continued = try utf8([user, assistant, user])
    guard let question = asked.lastRange(of: Array(Self.questionText.utf8)),
      let reply = answered.lastRange(of: Array(Self.answerText.utf8)),
      answered.starts(with: asked), generating.starts(with: asked), reply.lowerBound >= asked.count
    else {
      throw .noTurnMarkers(reason: "it does not begin a conversation with the text of its first message")
    }
    self.question = question
    self.reply = reply
  }

  /// What closes the assistant's turn.
  func terminator() throws(PairError) -> ArraySlice<UInt8> {
    let terminator = answered[reply.upperBound...]
    guard !terminator.isEmpty else {
      throw .noTurnMarkers(reason: "it writes nothing after the assistant's last turn")
    }
    guard let middle = continued.lastRange(of: Array(Self.answerText.utf8)),
      continued[middle.upperBound...].starts(with: terminator)
    else {
      throw .noTurnMarkers(reason: "it closes the last turn with \(terminator.text) and earlier ones differently")
    }
    return terminator
  }
}

extension ArraySlice<UInt8> {
  /// The bytes as a string.
  fileprivate var text: String { String(decoding: self, as: UTF8.self) }
}
