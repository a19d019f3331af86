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
  /// Looked for in the normalized text instead of the text as it came.
  var isNormalized: Bool
}
