import DPO
import MiniMind
import Preferences
import Torch

/// The load-balancing loss of mixtures of experts (Switch Transformer: Fedus et al., 2021, arXiv:2101.03961, equations 4 to 6),
/// over the tokens of a step's global batch, however it is divided into micro-batches and among ranks:
///
///     experts · Σ_e f_e · P_e
///
/// where f_e is the number of experts e that tokens passed through over the number of tokens, and P_e the mean of the router's
/// probabilities. MiniMind adds the losses of the layers up; `transformers` takes f and P over the tokens of all layers together.
/// A token counts once for each side of a pair that it stands in, so that packing changes nothing.
///
/// The gradient goes through P alone and is linear in f. So f must be known before the first backward pass: from the only forward
/// pass of a step, or, where a rank has several micro-batches, from one without gradients over each of them.
final class ExpertBalance {
  /// What the loss is multiplied by before it is added.
  let coefficient: Double
  private let scope: ExpertConfiguration.BalanceScope
  private let experts: Int
  private let perToken: Int
  private let layers: Int
  private var load = Load.own(pairs: 1)

  /// What is known of how the tokens of the global batch are distributed.
  private enum Load {
    /// A micro-batch is tried out by itself.
    case own(pairs: Int)
    /// The next forward pass is this rank's only one; after it the ranks add their counts up.
    case awaited(Ranks?, pairs: Int)
    /// What the summed probabilities of each expert in each layer are multiplied by, `[layers, experts]`, to be the part of
    /// the loss that a micro-batch adds, times the number of pairs.
    case known(factors: Tensor)
  }

  /// - Parameter coefficient: nil for the model's own
  /// - Returns: nil where there are no experts, or no loss for them
  init?(of model: ModelConfiguration, coefficient: Double?) {
    guard let experts = model.experts, model.expertLayerCount > 0 else { return nil }
    self.coefficient = coefficient ?? experts.balanceCoefficient
    guard self.coefficient > 0 else { return nil }
    scope = experts.balanceScope
    (self.experts, perToken, layers) = (experts.count, experts.perToken, model.expertLayerCount)
  }

  /// Before a step whose rank has one micro-batch.
  func awaitPass(pairs: Int, ranks: Ranks?) { load = .awaited(ranks, pairs: pairs) }

  /// After the passes of a step. A rank whose only pass failed adds nothing to the counts of the others, who wait for it.
  func finishStep() throws(TorchError) {
    if case .awaited(let ranks, _) = load { _ = try ranks.sum(noCounts) }
    load = .own(pairs: 1)
  }

  /// The counts of no tokens.
  var noCounts: [Double] { [Double](repeating: 0, count: layers * experts) }

  /// How many tokens passed through each expert of each layer.
  func counts(of use: ExpertUse) throws(TorchError) -> [Double] {
    try use.layers.map { layer throws(TorchError) in try layer.detached().select(0, 1).array(Double.self) }
      .flatMap(\.self)
  }

  /// Adds the counts of all ranks up and keeps what follows from them.
  func exchange(_ counts: [Double], pairs: Int, ranks: Ranks?, on device: Device) throws(TorchError) {
    load = .known(factors: try factors(of: ranks.sum(counts), pairs: pairs, on: device))
  }

  /// What a micro-batch adds to the loss of the step, times the number of pairs of the global batch, with gradients.
  func part(of use: ExpertUse) throws(TorchError) -> Tensor {
    let device = use.layers[0].device
    let factors: Tensor
    switch load {
    case .own(let pairs):
      factors = try self.factors(of: counts(of: use), pairs: pairs, on: device)
    case .awaited(let ranks, let pairs):
      factors = try self.factors(of: ranks.sum(counts(of: use)), pairs: pairs, on: device)
      load = .known(factors: factors)
    case .known(let known):
      factors = known
    }
    let sums = try Tensor.stack(use.layers.map { layer throws(TorchError) in try layer.select(0, 0) })
    return try (sums * factors).sum()
  }

  private func factors(of counts: [Double], pairs: Int, on device: Device) throws(TorchError) -> Tensor {
    // Every token passes through the same number of experts in every layer.
    let assignments = counts.prefix(experts).reduce(0, +)
    guard assignments > 0 else { return try .zeros([layers, experts], dtype: .float64, device: device) }
    return try Tensor(weights(counts, tokens: assignments / Double(perToken), pairs: pairs), shape: [layers, experts])
      .to(device: device)
  }

  private func weights(_ counts: [Double], tokens: Double, pairs: Int) -> [Double] {
    let scale = Double(experts) * Double(pairs) / tokens
    switch scope {
    case .layer:
      return counts.map { scale * $0 / tokens }
    case .model:
      // f and P are both means over the tokens of all layers.
      let all = (0..<experts).map { expert in
        stride(from: expert, to: counts.count, by: experts).reduce(0) { $0 + counts[$1] }
      }
      let rows = Double(layers) * tokens
      return (0..<layers * experts).map { scale * tokens / rows * all[$0 % experts] / rows }
    }
  }
}

extension Trainer {
  /// Before the passes of a step: how the tokens of its global batch are distributed among the experts, or that its only pass
  /// will tell.
  ///
  /// - Parameter shortage: of memory, that this process has had already; it still takes part in the exchange with other ranks
  /// - Returns: the shortage, or that of these passes
  func countExperts(of batches: StepBatches, after shortage: MemoryShortage?) throws -> MemoryShortage? {
    guard let balance else { return shortage }
    if batches.packed.count == 1 {
      balance.awaitPass(pairs: batches.pairCount, ranks: ranks)
      return shortage
    }
    var counts = balance.noCounts
    clock.enter(.forward)
    let found =
      try shortage
      ?? forEach(batches.packed) { packed, number in
        let batch = try DeviceBatch(packed, device: device)
        // As the pass that learns will have it.
        try prepareDropout(step: completedSteps + 1, place: number)
        try withDropout { () throws(TorchError) in
          let own = try withoutGrad { () throws(TorchError) in try balance.counts(of: policy.expertUse(of: batch)) }
          counts = zip(counts, own).map(+)
        }
      }
    clock.enter(.communication)
    try balance.exchange(counts, pairs: batches.pairCount, ranks: ranks, on: device)
    return found
  }

  /// Adds to the losses of a micro-batch, summed over its pairs, its part of the step's load-balancing loss, times the coefficient
  /// and the pairs of the global batch.
  ///
  /// - Returns: the sum; and the part, without the coefficient and with it, without gradients; nil without experts
  func balanced(
    _ losses: Tensor, by use: ExpertUse?
  ) throws(TorchError) -> (losses: Tensor, auxiliary: (loss: Tensor, weighted: Tensor)?) {
    guard let balance, let use else { return (losses, nil) }
    let part = try balance.part(of: use)
    let weighted = try part * balance.coefficient
    return (try losses + weighted, (try part.detached(), try weighted.detached()))
  }
}
