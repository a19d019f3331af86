import DPO
import MiniMind
import Preferences
import Torch

extension Trainer {
  /// Sums over held-out pairs, without gradients, each rank over its share.
  ///
  /// - Parameters:
  ///   - reference: the reference to compare with; nil where no objective does
  ///   - pairs: with indices that do not collide with those of the training pairs where results are kept
  ///   - progress: told the number of pairs done by this process
  ///   - stops: asked between micro-batches: whether this process was asked to stop
  /// - Returns: sums over all pairs, or over fewer where a rank was asked to stop
  /// - Throws: `TorchError` when LibTorch or another rank fails.
  public static func evaluate(
    _ policy: CausalLM, reference: ReferenceModel?, pairs: [TokenizedPair], options: TrainingOptions,
    ranks: Ranks? = nil, progress: (Int) -> Void = { _ in }, stops: () -> Bool = { false }
  ) throws(TorchError) -> PreferenceMetrics {
    var sums = PreferenceMetrics()
    let length = Double(pairs.reduce(0) { $0 + $1.chosenTargets.count { $0 } }) / Double(max(1, pairs.count))
    let meanChosenLength = try Tensor([length]).squeeze(0).to(device: policy.device)
    let work = PairWork(policy.configuration, sharesPrefix: options.sharesPrefix)
    var passes = ForwardPasses(over: ranks.share(of: pairs, by: work), options: options)
    while let packed = passes.next, !stops() {
      do throws(TorchError) {
        let batch = try DeviceBatch(packed, device: policy.device)
        let found = try options.metrics(
          of: batch, indices: packed.pairIndices, policy, reference: reference, meanChosenLength: meanChosenLength)
        sums += found
      } catch {
        try passes.shrink(after: error)
        continue
      }
      passes.advance()
      progress(Int(sums.pairs))
    }
    return PreferenceMetrics(sums: try ranks.sum(sums.sums))
  }
}

extension TrainingOptions {
  /// The sums of one micro-batch.
  fileprivate func metrics(
    of batch: DeviceBatch, indices: [Int], _ policy: CausalLM, reference: ReferenceModel?, meanChosenLength: Tensor
  ) throws(TorchError) -> PreferenceMetrics {
    try withoutGrad { () throws(TorchError) in
      let scores = PairScores(
        policy: try policy.sideScores(batch, excessTokenWeight: loss.excessTokenWeight),
        reference: try reference?.logProbabilities(batch, of: indices), lengths: batch.targetCounts,
        meanChosenLength: meanChosenLength)
      return try PreferenceMetrics(loss(scores), of: scores, counts: batch.counts)
    }
  }
}
