extension Tokenizer {
  /// The ids of a plain text that a model is to continue: what the post-processor puts before a text, such as a
  /// beginning-of-text token, and the text. What it puts after a text is left out, since the text goes on.
  public func encodePrompt(_ text: String) -> [Int32] { postProcessor.prefix + encode(text) }
}
