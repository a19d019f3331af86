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

  /// Markers that are known.
  public init(header: String, terminator: String) {
    self.header = header
    self.terminator = terminator
  }

  /// Finds the markers by rendering short conversations.
  ///
  /// The header is what the generation prompt and an assistant turn have in common, up to a thinking block: MiniMind-3's
  /// generation prompt ends with an empty one, which is part of the reply. The terminator is what follows the reply
  /// at the end of a conversation, and must follow it in the middle too.
  /// - Parameter render: the chat template; (messages, add_generation_prompt) to text.
  /// - Throws: `PairError.noTurnMarkers`, with what was found instead.
  init(probing render: ([JSON], Bool) throws -> String) throws(PairError) {
    let question = "Zwölf Boxkämpfer jagen Viktor."
    let answer = "Quick zephyrs blow, vexing daft Jim."
    let user: JSON = ["role": "user", "content": .string(question)]
    let assistant: JSON = ["role": "assistant", "content": .string(answer)]
    func utf8(_ messages: [JSON], generating: Bool = false) throws(PairError) -> [UInt8] {
      do {
        return Array(try render(messages, generating).utf8)
      } catch {
        throw .noTurnMarkers(reason: "it refuses a conversation of one question and one answer (\(error))")
      }
    }
    let asked = try utf8([user])
    let generating = try utf8([user], generating: true)
    let answered = try utf8([user, assistant])
    let continued = try utf8([user, assistant, user])

    guard generating.starts(with: asked), generating.count > asked.count else {
      throw .noTurnMarkers(reason: "with add_generation_prompt it adds nothing to a question")
    }
    let reply = Array(answer.utf8)
    guard answered.starts(with: asked), let spoken = answered.lastRange(of: reply) else {
      throw .noTurnMarkers(reason: "a conversation does not begin with the text of its first message")
    }
    let prompt = generating[asked.count...]
    let common = commonPrefixCount(prompt, answered[asked.count..<spoken.lowerBound])
    var header = Array(prompt.prefix(common))
    if let thinking = header.firstRange(of: Array("<think>".utf8)) { header.removeSubrange(thinking.lowerBound...) }
    guard !header.isEmpty else {
      throw .noTurnMarkers(
        reason: "the generation prompt \(prompt.text) is not how it begins an assistant turn")
    }

    let terminator = Array(answered[spoken.upperBound...])
    guard let middle = continued.lastRange(of: reply), !terminator.isEmpty,
      continued[middle.upperBound...].starts(with: terminator)
    else {
      throw .noTurnMarkers(
        reason: terminator.isEmpty
          ? "it writes nothing after the assistant's last turn"
          : "it closes the last turn with \(terminator.text) and earlier ones differently")
    }
    self.init(header: header.text, terminator: terminator.text)
  }
}

extension ArraySlice<UInt8> {
  /// The bytes as a string.
  fileprivate var text: String { String(decoding: self, as: UTF8.self) }
}
