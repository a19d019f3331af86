/// A token that is found in a text before anything else is done with it.
struct AddedToken: Sendable, Equatable {
  var content: String
  var id: Int32
  /// Left out by `decode(skipSpecialTokens: true)`.
  var isSpecial: Bool
  /// Matches only between characters that belong to no word.
  var isSingleWord: Bool
  /// Swallows the white space before it.
  var stripsLeft: Bool
  /// Swallows the white space after it.
  var stripsRight: Bool
  /// Looked for in the normalized text instead of the original text.
  var isNormalized: Bool
}

extension AddedToken {
  /// A token with the properties that Hugging Face gives to a bare text. Its id comes later.
  init(_ content: String, isSpecial: Bool) {
    self.init(
      content: content, id: 0, isSpecial: isSpecial, isSingleWord: false, stripsLeft: false, stripsRight: false,
      isNormalized: !isSpecial)
  }

  /// Whether both are the same but for their ids.
  func hasSameDescription(as other: AddedToken) -> Bool {
    content.isSameText(as: other.content) && isSpecial == other.isSpecial && isSingleWord == other.isSingleWord
      && stripsLeft == other.stripsLeft && stripsRight == other.stripsRight && isNormalized == other.isNormalized
  }
}
