import Foundation
import Torch

/// How a log-ratio becomes a score, s = f(r): the f-divergences between policy and reference (Wang et al., 2023,
/// arXiv:2309.16240), under TRL's names and with its constants, so that a log-ratio of 0 has the score 0.
public enum Divergence: String, Sendable, Hashable, CaseIterable {
  /// r
  case reverseKL = "reverse_kl"
  /// 1 − e^(−r)
  case forwardKL = "forward_kl"
  /// log 2 + log σ(r)
  case jensenShannon = "js_divergence"
  /// (e^((α − 1)r) − 1) / (α − 1), the exponent at most 80; r where α = 1
  case alpha = "alpha_divergence"

  /// - Parameter coefficient: α
  func score(_ r: Tensor, coefficient: Double) throws(TorchError) -> Tensor {
    switch self {
    case .reverseKL: return r
    case .forwardKL: return try 1 - (-r).exp()
    case .jensenShannon: return try Foundation.log(2) + r.logSigmoid()
    case .alpha:
      let power = coefficient - 1
      if Swift.abs(power) < 1e-6 { return r }
      return try ((power * r).clamp(-Double.infinity...80).exp() - 1) / power
    }
  }
}
