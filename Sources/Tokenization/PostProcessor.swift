/// The special tokens around a single text, as `addSpecialTokens` asks for them.
struct PostProcessor: Sendable, Equatable {
  /// Before the text: a beginning-of-sequence token, say.
  var prefix: [Int32] = []
  /// After it.
  var suffix: [Int32] = []
}
