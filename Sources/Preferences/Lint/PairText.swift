import OrderedJSON

/// A pair as three texts, without roles and template: what people would compare.
struct PairText: Sendable {
  var prompt: String
  var chosen: String
  var rejected: String

  init(_ pair: PreferencePair) {
    switch pair.content {
    case .conversation(let chosen, let rejected, let shared):
      prompt = Self.text(of: chosen[..<shared])
      self.chosen = Self.text(of: chosen[shared...])
      self.rejected = Self.text(of: rejected[shared...])
    case .text(let prompt, let chosen, let rejected):
      self.prompt = prompt
      self.chosen = chosen
      self.rejected = rejected
    }
  }

  /// Everything that messages say: their content, their reasoning and their calls.
  private static func text(of messages: ArraySlice<JSON>) -> String {
    if messages.count == 1, let message = messages.first, message["reasoning_content"] == nil,
      message["tool_calls"] == nil
    {
      return message["content"]?.string ?? ""
    }
    return messages.map { message in
      [message["reasoning_content"]?.string, message["content"]?.string, message["tool_calls"]?.serialized()]
        .compactMap(\.self).joined(separator: "\n")
    }.joined(separator: "\n")
  }
}
