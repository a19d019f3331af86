import OrderedJSON

/// What makes two pairs, or two prompts, the same.
struct PairKey: Hashable {
  private var first: [JSON]
  private var second: [JSON]
  private var tools: [JSON]?

  /// The key of a whole pair.
  init(whole pair: PreferencePair) {
    tools = pair.tools
    switch pair.content {
    case .conversation(let chosen, let rejected, _):
      first = chosen
      second = rejected
    case .text(let prompt, let chosen, let rejected):
      first = [.string(prompt), .string(chosen)]
      second = [.string(prompt), .string(rejected)]
    }
  }

  /// The key of what both sides answer.
  init(promptOf pair: PreferencePair) {
    tools = pair.tools
    second = []
    switch pair.content {
    case .conversation(let chosen, _, let shared): first = Array(chosen[..<shared])
    case .text(let prompt, _, _): first = [.string(prompt)]
    }
  }

  /// The key of the pair that prefers the other answer.
  var swapped: PairKey {
    var key = self
    swap(&key.first, &key.second)
    return key
  }
}
