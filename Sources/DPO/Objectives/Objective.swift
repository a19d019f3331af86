import Torch

/// One way to turn what two models say of pairs into a loss: a row of the table that `--loss-type` names.
///
/// To add one, write it into the file of its family; nothing else knows the objectives one by one. A formula is written per
/// pair, so it does not matter how pairs are divided into micro-batches and ranks. What needs the whole global batch is a
/// `coupling`.
public struct Objective: Sendable {
  /// Its name in TRL, or in its paper where TRL has none.
  public let name: String
  /// What it is, with its paper, in one line.
  public let summary: String
  /// What it needs, and what may be combined with it.
  public let traits: Traits
  /// How strong the label smoothing ε must and may be, where it uses one.
  let smoothing: Smoothing
  /// What ties a pair to the others of the global batch; nil for most.
  let coupling: Coupling?
  /// The loss of each pair, `[pairs]`.
  let losses: @Sendable (Terms) throws(TorchError) -> Tensor

  init(
    _ name: String, _ summary: String, _ traits: Traits, smoothing: Smoothing = .none,
    coupling: Coupling? = nil,
    losses: @escaping @Sendable (Terms) throws(TorchError) -> Tensor
  ) {
    (self.name, self.summary, self.traits, self.smoothing) = (name, summary, traits, smoothing)
    (self.coupling, self.losses) = (coupling, losses)
  }

  /// What an objective needs, and what may be combined with it.
  public struct Traits: OptionSet, Sendable {
    /// A bit for each trait.
    public let rawValue: Int

    /// The traits of these bits.
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// It compares with a reference model.
    public static let reference = Traits(rawValue: 1)
    /// It is made of f(r), so that other divergences than the reverse KL are defined (Wang et al., 2023, arXiv:2309.16240).
    public static let divergence = Traits(rawValue: 2)
    /// It has a loss for each pair that a weight can multiply (WPO).
    public static let weighting = Traits(rawValue: 4)
    /// It is made of sums over tokens in which later ones may count less (LD-DPO).
    public static let tokenSums = Traits(rawValue: 8)
    /// Its rewards are means over tokens, not sums.
    public static let meanRewards = Traits(rawValue: 16)
  }

  /// Numbers about each pair that only the whole global batch tells.
  struct Coupling: Sendable {
    /// How many there are.
    var count: Int
    /// The numbers, `[pairs]` each and without gradients, from the terms of the whole global batch.
    var values: @Sendable (Terms) throws(TorchError) -> [Tensor]
  }

  /// How an objective uses label smoothing, the probability that a preference is the wrong way round.
  enum Smoothing: Sendable {
    /// It has none.
    case none
    /// 0 or more
    case optional
    /// More than 0
    case required
  }
}

extension Objective: Hashable {
  /// Objectives are told apart by their names.
  public static func == (one: Objective, other: Objective) -> Bool { one.name == other.name }
  /// Hashes the name.
  public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

extension Objective {
  /// All of them, in the order in which help lists them.
  public static let all = logRatioObjectives + sideObjectives + coupledObjectives + referenceFreeObjectives

  /// The one with a name.
  public init?(named name: String) {
    guard let known = Self.all.first(where: { $0.name == name }) else { return nil }
    self = known
  }
}
