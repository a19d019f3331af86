/// Why a `tokenizer.json` cannot be used. Every case names the file and, where there is one, the field.
public enum TokenizerError: Error, Equatable, Sendable {
  /// The file is not there or cannot be read.
  case missing(file: String, reason: String)
  /// The file is not what a `tokenizer.json` should be.
  case malformed(file: String, field: String, expected: String)
  /// A regular expression of the file took too long on a text.
  case tooSlow
  /// The file is valid, but asks for something that this module's byte-level BPE does not support.
  case unsupported(file: String, field: String, found: String, supported: String)
}

extension TokenizerError: CustomStringConvertible {
  /// One sentence on what is wrong, where, and what to do.
  public var description: String {
    switch self {
    case .missing(let file, let reason):
      "\(file): cannot read the tokenizer (\(reason)); give a tokenizer.json or a folder that holds one."
    case .malformed(let file, let field, let expected):
      "\(file): \(field) should be \(expected); is the file complete, and written by Hugging Face tokenizers?"
    case .tooSlow:
      "a regular expression of the tokenizer's pre_tokenizer takes more than 2000 steps for a byte of text, and was given up; "
        + "is tokenizer.json the one that came with the model?"
    case .unsupported(let file, let field, let found, let supported):
      "\(file): \(field) is \(found), which is not supported; supported: \(supported)."
    }
  }
}
