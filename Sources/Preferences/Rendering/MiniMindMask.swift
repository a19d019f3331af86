import OrderedJSON

/// The target mask of MiniMind's own trainer: after each `<|im_start|>assistant\n`, every token up to and including the
/// next `<|im_end|>\n`, searched in the token ids, wherever the text comes from.
///
/// The two marks are made of the tokenizer's `bos_token` and `eos_token`, as MiniMind makes them. Where they are not what
/// the chat template writes around an answer, this is not MiniMind's template.
struct MiniMindMask: Sendable {
  private let header: [Int32]
  private let terminator: [Int32]

  /// The mask for a template and its tokenizer.
  /// - Returns: nil if the template does not write an assistant turn between MiniMind's marks.
  init?(
    startOfText: String?, endOfText: String?, encode: (String) -> [Int32], render: ([JSON]) throws -> String
  ) {
    guard let startOfText, let endOfText else { return nil }
    let header = startOfText + "assistant\n"
    let terminator = endOfText + "\n"
    let answer = "Quick zephyrs blow."
    let messages: [JSON] = [
      ["role": "user", "content": "Who blows?"], ["role": "assistant", "content": .string(answer)],
    ]
    guard let text = (try? render(messages)).map({ Array($0.utf8) }),
      text.reversed().starts(with: (answer + terminator).utf8.reversed())
    else { return nil }
    let written = text.dropLast(answer.utf8.count + terminator.utf8.count)
    // MiniMind-3 writes an empty thinking block before an answer.
    let headers = [header, header + PairTokenizer.emptyThink]
    guard headers.contains(where: { written.reversed().starts(with: $0.utf8.reversed()) }) else { return nil }
    self.header = encode(header)
    self.terminator = encode(terminator)
  }

  /// The targets of a sequence; a turn that is not closed reaches to the end.
  func spans(in ids: [Int32]) -> [Range<Int>] {
    var spans: [Range<Int>] = []
    var position = 0
    while position + header.count <= ids.count {
      guard ids[position...].starts(with: header) else {
        position += 1
        continue
      }
      let start = position + header.count
      var end = start
      while end < ids.count, !ids[end...].starts(with: terminator) { end += 1 }
      position = min(end + terminator.count, ids.count)
      spans.append(start..<position)
    }
    return spans
  }
}
