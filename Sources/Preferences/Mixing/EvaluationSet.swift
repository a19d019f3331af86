/// Held-out pairs that are measured together, under a name of their own.
public struct EvaluationSet: Sendable {
  /// What the user calls the set, as in `eval_NAME_loss`; nil for the one set of a run that has no other.
  public let name: String?
  /// The pairs; their indices differ from those of all other sets, so that the reference's results can be kept by them.
  public let pairs: [TokenizedPair]

  /// A set of pairs; nothing is checked.
  public init(name: String?, pairs: [TokenizedPair]) {
    self.name = name
    self.pairs = pairs
  }
}
