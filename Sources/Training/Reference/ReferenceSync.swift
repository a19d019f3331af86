import Torch

/// A reference that follows the policy (TR-DPO: Gorbatovski et al., 2024, arXiv:2404.09656), with TRL's names and defaults.
public struct ReferenceSync: Sendable, Hashable, CustomStringConvertible {
  /// α: after a synchronisation the reference is α · policy + (1 − α) · reference.
  public var mixing: Double
  /// Optimizer steps between two synchronisations.
  public var steps: Int

  /// A rule by which the reference follows.
  public init(mixing: Double = 0.6, steps: Int = 512) { (self.mixing, self.steps) = (mixing, steps) }

  /// The rule in words.
  public var description: String { "by \(mixing) every \(steps) steps" }
}

extension Trainer {
  /// Lets the reference follow the policy, where it is to and the step is one of those.
  func followPolicy(afterStep step: Int) throws(TorchError) {
    guard let sync = options.referenceSync, step % sync.steps == 0 else { return }
    try reference?.follow(policy, mixing: sync.mixing)
  }
}
