import Files
import OrderedJSON

/// What is known of a pair beside its tokens: what it is about, for slices of an evaluation, the linter, and for finding
/// the pairs that share a prompt.
struct PairTraits: Hashable, Sendable {
  /// The number of user turns of the chosen side; 1 for plain text.
  var turns: Int
  /// The language of the last user turn of the prompt or, where that tells none, of all of them.
  var promptLanguage: Language
  /// The language of the chosen answer.
  var answerLanguage: Language
  /// A 64-bit hash of the prompt.
  var promptKey: UInt64

  /// The traits of a pair as it was read.
  init(of pair: PreferencePair) {
    switch pair.content {
    case .text(let prompt, let chosen, _):
      turns = 1
      promptLanguage = Language(of: prompt)
      answerLanguage = Language(of: chosen)
    case .conversation(let chosen, _, let shared):
      turns = chosen.count { $0["role"]?.string == "user" }
      let questions = Self.texts(of: "user", in: pair.hasRejected ? chosen[..<shared] : chosen[...])
      let last = Language(of: questions.last ?? "")
      promptLanguage = last == .other ? Language(of: questions.joined(separator: "\n")) : last
      answerLanguage = Language(of: Self.texts(of: "assistant", in: chosen[shared...]).joined(separator: "\n"))
    }
    promptKey = PromptKey.hash(of: pair)
  }

  private static func texts(of role: String, in messages: ArraySlice<JSON>) -> [String] {
    messages.filter { $0["role"]?.string == role }.compactMap { $0["content"]?.string }
  }
}

extension TokenizedPair {
  mutating func take(_ traits: PairTraits, scoreMargin: Double?) {
    turns = traits.turns
    promptLanguage = traits.promptLanguage
    answerLanguage = traits.answerLanguage
    promptKey = traits.promptKey
    self.scoreMargin = scoreMargin
  }
}

/// A number that two pairs have in common when they answer the same prompt.
private enum PromptKey {
  /// The first 64 bits of a SHA-256 over the prompt: its messages with all that they hold, and the tools. White space
  /// around a text and the order of keys do not count. A plain-text prompt is what a user says.
  ///
  /// Where the sides have no message in common, the prompt is what comes before the chosen side's last turn.
  static func hash(of pair: PreferencePair) -> UInt64 {
    var bytes: [UInt8] = []
    switch pair.content {
    case .text(let prompt, let chosen, _):
      // A text without a prompt stands for itself.
      add(["role": "user", "content": .string(prompt.isEmpty ? chosen : prompt)], to: &bytes)
    case .conversation(let chosen, _, let shared):
      let asked = chosen.prefix(shared > 0 ? shared : max(0, chosen.count - 1))
      for message in asked.isEmpty && !pair.hasRejected ? chosen[...] : asked { add(message, to: &bytes) }
    }
    for tool in pair.tools ?? [] { add(tool, to: &bytes) }
    let digest = bytes.withUnsafeBytes { SHA256.digest(of: $0).bytes }
    return digest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// Values one after the other, each with its kind and length, so that no two different prompts give the same bytes.
  private static func add(_ value: JSON, to bytes: inout [UInt8]) {
    func begin(_ kind: Character, _ count: Int) { bytes += Array("\(kind)\(count):".utf8) }
    switch value {
    case .string(let text):
      let trimmed = trimmed(text)
      begin("s", trimmed.count)
      bytes += trimmed
    case .array(let elements):
      begin("a", elements.count)
      for element in elements { add(element, to: &bytes) }
    case .object(let members):
      let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      begin("o", sorted.count)
      for (key, value) in sorted {
        add(.string(key), to: &bytes)
        add(value, to: &bytes)
      }
    default:
      let text = value.serialized()
      begin("v", text.utf8.count)
      bytes += Array(text.utf8)
    }
  }

  private static func trimmed(_ text: String) -> [UInt8] {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
    let rest = text.utf8.drop(while: isSpace)
    return rest.reversed().drop(while: isSpace).reversed()
  }
}
