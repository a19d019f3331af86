/// How a text is cut into the words that are merged: splits one after the other, then the bytes.
struct PreTokenizer: Sendable {
  /// Each cuts what the one before it left.
  var splitters: [Splitter] = []
  /// Whether a piece that does not begin with a space gets one, before the splitters from `prefixStage` on.
  var addsPrefixSpace = false
  /// The number of splitters that come before the prefix space.
  var prefixStage = 0
}
