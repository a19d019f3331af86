import DPO
import Preferences
import Torch

/// What a size of micro-batch was found to do.
public struct MicroBatchTrial: Sendable {
  /// The most input tokens of a micro-batch.
  public let limit: Int
  /// Tokens that the trial had.
  public let tokens: Int
  /// Of a forward and backward pass, with the reference's where it runs along.
  public let seconds: Double

  /// Tokens of all that passed in a second.
  public var tokensPerSecond: Double { Double(tokens) / seconds }
}

extension Trainer {
  /// A larger micro-batch takes more memory, so it must be faster by at least this much.
  private static let worthwhile = 1.02
  /// Of the memory that is free, the part that a micro-batch may be expected to need.
  private static let usedOfFree = 0.8

  /// Finds how many tokens a micro-batch should have for this machine to train fastest, and limits all micro-batches to that.
  ///
  /// Passes over the run's longest pairs are timed, and their gradients thrown away: first over the longest alone, then over
  /// twice as many tokens, and so on, up to a rank's part of a step, as long as that is faster and memory should suffice.
  /// All ranks call this, try the same, and take the slowest of them as the measure: they find the same.
  ///
  /// - Parameter memory: bytes that this process has in use, and those that are free; nil where that is not known
  /// - Returns: what was tried; nothing where the limit is known already
  /// - Throws: `TorchError` when not even the longest pair fits into memory, or LibTorch fails.
  public func findMicroBatchTokens(memory: () -> (used: Int, free: Int)?) throws(TorchError) -> [MicroBatchTrial] {
    guard options.microBatchTokens == nil else { return [] }
    let ordered = pairsOfRun.sorted { ($0.treeLength, $1.index) > ($1.treeLength, $0.index) }
    let lengths = ordered.map { $0.tokens(sharingPrefix: options.sharesPrefix) }
    guard let longest = lengths.max() else { return [] }
    let most = mostTokensOfShare
    let before = memory()
    try gradients.begin(pairs: plan.globalBatchSize)

    // The first pass of a process is slower: it asks the system for all of its memory.
    _ = try attempt(longest, of: ordered, lengths)
    guard var trials = try slowest(attempt(longest, of: ordered, lengths)).map({ [$0] }) else { return [] }
    var limit = longest
    while limit < most {
      limit *= 2
      let fits = suffices(memory(), before, for: min(limit, most), after: trials)
      guard let trial = try slowest(fits ? attemptWithinMemory(limit, of: ordered, lengths) : nil) else { break }
      let best = trials.map { rate(of: $0, most: most) }.max() ?? 0
      trials.append(trial)
      // With experts, the size that needs no pass before the others comes last.
      if balance == nil, trial.tokensPerSecond < best * Self.worthwhile { break }
    }
    let best = trials.map { rate(of: $0, most: most) }.max() ?? 0
    let found = trials.first { rate(of: $0, most: most) * Self.worthwhile >= best }?.limit ?? longest
    try limitMicroBatches(toTokens: found)
    // Training allocates its own memory.
    if device != .cpu { try CUDA.releaseCachedMemory() }
    return trials
  }

  /// Tokens of a step in a second. Several micro-batches need a pass that counts how they use experts, where there are some.
  private func rate(of trial: MicroBatchTrial, most: Int) -> Double {
    guard balance != nil, trial.limit < most else { return trial.tokensPerSecond }
    let passes = reference == nil || options.cachesReference ? 3.0 : 4
    return trial.tokensPerSecond * passes / (passes + 1)
  }

  /// A trial as the slowest rank had it, since the others wait for that one; nil where one has none.
  private func slowest(_ trial: MicroBatchTrial?) throws(TorchError) -> MicroBatchTrial? {
    guard let ranks else { return trial }
    let seconds = try ranks.control.gather([trial?.seconds ?? -1]).map { $0[0] }
    guard let trial, let longest = seconds.max(), !seconds.contains(-1) else { return nil }
    return MicroBatchTrial(limit: trial.limit, tokens: trial.tokens, seconds: longest)
  }

  /// Whether memory should suffice for this many tokens, judged by what the largest trial so far has taken.
  private func suffices(
    _ now: (used: Int, free: Int)?, _ before: (used: Int, free: Int)?, for tokens: Int, after trials: [MicroBatchTrial]
  ) -> Bool {
    guard let now, let before, let largest = trials.map(\.tokens).max() else { return true }
    let perToken = Double(now.used - before.used) / Double(largest)
    return perToken * Double(tokens) <= Self.usedOfFree * Double(before.free)
  }

  /// nil where memory ran out.
  private func attemptWithinMemory(
    _ limit: Int, of pairs: [TokenizedPair], _ lengths: [Int]
  ) throws(TorchError) -> MicroBatchTrial? {
    do {
      return try attempt(limit, of: pairs, lengths)
    } catch  where error.kind == .outOfMemory {
      return nil
    }
  }

  /// Times one pass over the longest pairs up to a number of tokens; the best of three where it is short.
  private func attempt(
    _ limit: Int, of pairs: [TokenizedPair], _ lengths: [Int]
  ) throws(TorchError) -> MicroBatchTrial {
    var taken: [TokenizedPair] = []
    var tokens = 0
    for (pair, length) in zip(pairs, lengths) where taken.isEmpty || tokens + length <= limit {
      taken.append(pair)
      tokens += length
    }
    let batch = TreeBatch(taken, sharesPrefix: options.sharesPrefix)
    var best = Double.infinity
    for _ in 0..<3 {
      let started = ContinuousClock.now
      try tryOut(batch)
      if device != .cpu { try CUDA.synchronize() }
      best = min(best, (ContinuousClock.now - started) / .seconds(1))
      if best > 0.5 { break }
    }
    return MicroBatchTrial(limit: limit, tokens: tokens, seconds: best)
  }

  /// A pass over a micro-batch as training makes it, for its time and memory alone.
  private func tryOut(_ packed: TreeBatch) throws(TorchError) {
    let batch = try DeviceBatch(packed, device: device)
    let kept: Tensor? = options.cachesReference ? try .zeros(batch.targetCounts.shape, device: device) : nil
    try learn(from: PassInputs(batch: batch, reference: kept))
  }

  /// About the most tokens that a rank has of a step: more cannot run at once.
  private var mostTokensOfShare: Int {
    let steps = min(plan.totalSteps, plan.stepsPerEpoch)
    let largest = (1...max(1, steps)).map { step in
      plan.pairs(ofStep: step).reduce(0) { $0 + pairs[$1].tokens(sharingPrefix: options.sharesPrefix) }
    }.max()
    return (largest ?? 0) / ranks.size
  }
}
