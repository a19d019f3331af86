extension TokenizedPair {
  /// One side of a pair: its tokens, and where the answer begins.
  struct Side {
    /// The tokens after truncation.
    var ids: [Int32]
    /// Which of them are targets.
    var targets: [Bool]
    /// How many tokens there were before truncation, prompt included.
    var length: Int
    /// How many of these are the prompt.
    var promptLength: Int

    /// Whether tokens were cut off.
    var isTruncated: Bool { ids.count < length }
    /// The tokens of the answer before truncation.
    var answerLength: Int { max(0, length - promptLength) }
  }

  /// The chosen and the rejected side.
  var sides: [Side] {
    [
      Side(ids: chosenIDs, targets: chosenTargets, length: chosenLength, promptLength: promptLength),
      Side(ids: rejectedIDs, targets: rejectedTargets, length: rejectedLength, promptLength: promptLength),
    ]
  }
}
