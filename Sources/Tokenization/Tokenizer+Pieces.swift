extension Tokenizer {
  /// The pieces into which the pre-tokenizer cuts a text, added tokens and normalizer left aside. For tests.
  package func pieces(of text: String) -> [String] {
    pool.withWorkspace { encoder.pieces(of: text, &$0) }
  }

  /// The text as the normalizer leaves it. For tests.
  package func normalized(_ text: String) -> String { encoder.normalizer.normalize(text) }
}
