/// A pair as token ids, cut to the maximal length, with a mark on each token that is a target.
///
/// A text to imitate is a pair that has a chosen side only: a tree without branches. So it is planned, packed, cached and
/// measured as pairs are.
public struct TokenizedPair: Hashable, Sendable {
  /// The pair's place among those of all files that are read together, counted from 0; no two pairs of them have the same.
  public var index: Int
  /// The file that the pair is from: its place among the files that are read together.
  public var source: Int
  /// The line of the file on which the pair starts, counted from 1.
  public var line: Int
  /// The chosen side, from its first token.
  public var chosenIDs: [Int32]
  /// The rejected side, from its first token.
  public var rejectedIDs: [Int32]
  /// Whether each token of the chosen side is a target, that is, whether its own log-probability counts. The first
  /// token never is: nothing predicts it.
  public var chosenTargets: [Bool]
  /// Whether each token of the rejected side is a target.
  public var rejectedTargets: [Bool]
  /// How many leading tokens both sides share after truncation; targets among them count on both sides.
  public var sharedPrefix: Int
  /// Why the pair is left out; nil for a pair to train on.
  public var dropReason: DropReason?
  /// The length of the prompt in tokens before truncation: up to the first reply that is compared.
  public var promptLength: Int
  /// The length of the chosen side in tokens before truncation, prompt included.
  public var chosenLength: Int
  /// The length of the rejected side in tokens before truncation, prompt included.
  public var rejectedLength: Int
  /// The number of user turns of the chosen side; 1 for plain text.
  public var turns: Int
  /// The language of the prompt: of its last user turn or, where that tells none, of all of them.
  public var promptLanguage: Language
  /// The language of the chosen answer.
  public var answerLanguage: Language
  /// The chosen answer's score less the rejected one's; nil where the data has no scores. Below 0, the data contradicts
  /// itself.
  public var scoreMargin: Double?
  /// A hash of the prompt: two pairs have the same when they answer the same prompt, whatever files they are in.
  public var promptKey: UInt64

  /// A pair made of its parts; nothing is checked.
  public init(
    index: Int, line: Int = 1, chosenIDs: [Int32], rejectedIDs: [Int32], chosenTargets: [Bool],
    rejectedTargets: [Bool], sharedPrefix: Int, dropReason: DropReason? = nil, promptLength: Int = 0,
    chosenLength: Int? = nil, rejectedLength: Int? = nil, source: Int = 0, turns: Int = 1,
    promptLanguage: Language = .other, answerLanguage: Language = .other, scoreMargin: Double? = nil,
    promptKey: UInt64 = 0
  ) {
    self.index = index
    self.source = source
    self.line = line
    self.chosenIDs = chosenIDs
    self.rejectedIDs = rejectedIDs
    self.chosenTargets = chosenTargets
    self.rejectedTargets = rejectedTargets
    self.sharedPrefix = sharedPrefix
    self.dropReason = dropReason
    self.promptLength = promptLength
    self.chosenLength = chosenLength ?? chosenIDs.count
    self.rejectedLength = rejectedLength ?? rejectedIDs.count
    self.turns = turns
    self.promptLanguage = promptLanguage
    self.answerLanguage = answerLanguage
    self.scoreMargin = scoreMargin
    self.promptKey = promptKey
  }

  /// A text to imitate; nothing is checked.
  ///
  /// - Parameter targets: whether each token is to be predicted
  public init(text ids: [Int32], targets: [Bool], index: Int, line: Int = 1) {
    self.init(
      index: index, line: line, chosenIDs: ids, rejectedIDs: [], chosenTargets: targets, rejectedTargets: [],
      sharedPrefix: 0)
  }

  /// Whether there is a rejected side; a text to imitate has none.
  public var hasRejected: Bool { !rejectedIDs.isEmpty }
  /// How many leading tokens all sides that there are have in common.
  var commonLength: Int { hasRejected ? sharedPrefix : chosenIDs.count }
  /// Whether tokens of the chosen side were cut off.
  public var chosenIsTruncated: Bool { chosenIDs.count < chosenLength }
  /// Whether tokens of the rejected side were cut off.
  public var rejectedIsTruncated: Bool { rejectedIDs.count < rejectedLength }
  /// The tokens of the pair with the shared prefix once: prefix, chosen tail, rejected tail.
  public var treeLength: Int { chosenIDs.count + rejectedIDs.count - sharedPrefix }
}
