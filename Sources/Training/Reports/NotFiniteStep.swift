import MiniMind
import Preferences
import Torch

/// A step whose gradient was not a finite number, so that its update was left out, and what is to blame for it.
public struct NotFiniteStep: Sendable, Hashable {
  /// What was found not to be finite, looked for from the cause to the effect.
  public enum Cause: Sendable, Hashable {
    /// Weights of the model itself, by their tensors' names: nothing that is computed from them is finite.
    case weights([String])
    /// The reference's log-probabilities of the pairs named.
    case reference
    /// The policy's log-probabilities of the pairs named, or their losses.
    case pairs
    /// All of that is finite: the backward pass overflowed.
    case gradient
  }

  /// Counted from 1.
  public let step: Int
  /// What is to blame.
  public let cause: Cause
  /// The pairs with a number that is not finite; all pairs of the step, over all ranks, where no pair stands out.
  public let pairs: [TokenizedPair]

  /// Whether the weights are those of the last step that was taken, and worth keeping.
  var leavesWeightsSound: Bool { if case .weights = cause { false } else { true } }

  /// What was found, with the pairs as `file:line`.
  ///
  /// - Parameter files: the names of the files by `TokenizedPair.source`
  public func description(files: [String]) -> String {
    let list = Self.places(of: pairs, in: files)
    let one = pairs.count == 1
    switch cause {
    case .weights(let tensors):
      let more = tensors.count > 3 ? " and \(tensors.count - 3) more tensors" : ""
      let names = tensors.isEmpty ? "those of another rank" : tensors.prefix(3).joined(separator: ", ") + more
      return "the weights themselves are not finite: \(names)"
    case .reference:
      return "the reference's log-probability of \(list) is not a finite number"
    case .pairs:
      return "the log-probability or the loss of \(list) is not a finite number"
    case .gradient:
      return "every log-probability is finite, so a gradient overflowed; the step's pair\(one ? "" : "s"): \(list)"
    }
  }

  /// What to do about it.
  var remedy: String {
    switch cause {
    case .weights: "Training has diverged: go on from an earlier checkpoint, with a lower --learning-rate."
    case .reference: "Look at these lines, and at the reference model with `eval`."
    case .pairs:
      "Look at these lines, and take them out of the data or shorten them. Where they are sound, lower --learning-rate; fp32 has "
        + "a wider range than --precision fp16."
    case .gradient:
      "Lower --learning-rate or --beta; fp32 has a wider range than --precision fp16. --max-grad-norm does not help, as it "
        + "divides by a norm that is not finite."
    }
  }

  /// `pairs.jsonl:3, pairs.jsonl:17 and 4 more`
  static func places(of pairs: [TokenizedPair], in files: [String], atMost limit: Int = 8) -> String {
    let shown = pairs.prefix(limit).map { $0.place(in: files) }
    return shown.joined(separator: ", ") + (pairs.count > limit ? " and \(pairs.count - limit) more" : "")
  }
}

extension TokenizedPair {
  /// Where the pair is, as `file:line`; the line alone where the file's name is not known.
  ///
  /// - Parameter files: the names of the files by `source`
  public func place(in files: [String]) -> String {
    files.indices.contains(source) ? "\(files[source]):\(line)" : "line \(line)"
  }
}

extension Trainer {
  /// Finds out what is to blame for a step that was left out; all ranks take part, and all find the same. The step's pairs run
  /// forward once more, each rank its share: such steps are rare, and a pair that can be named can be looked at.
  ///
  /// - Throws: `TorchError` when LibTorch or another rank fails.
  func examine(step: Int) throws(TorchError) -> NotFiniteStep {
    let tensors = try policy.tensorsNotFinite().map(\.name)
    var seen: Set<Int> = []
    let drawn = plan.pairs(ofStep: step).map { pairs[$0] }.filter { seen.insert($0.index).inserted }
    // Weights are the same on all ranks; where memory has failed on one, the others must not wait for it.
    guard try ranks.sum([tensors.isEmpty ? 0 : 1])[0] == 0 else {
      return NotFiniteStep(step: step, cause: .weights(tensors), pairs: drawn)
    }
    let measured = try Self.evaluate(policy, reference: reference, pairs: drawn, options: options, ranks: ranks)
    let found = Dictionary(measured.pairs.map { ($0.index, $0) }) { first, _ in first }
    func those(_ isBad: (PairResult) -> Bool) -> [TokenizedPair] {
      drawn.filter { pair in found[pair.index].map(isBad) ?? false }
    }
    let ofPolicy = those { !($0.chosenLogProbability + $0.rejectedLogProbability).isFinite }
    if !ofPolicy.isEmpty { return NotFiniteStep(step: step, cause: .pairs, pairs: ofPolicy) }
    let ofReference = reference == nil ? [] : those { !($0.chosenReward + $0.rejectedReward).isFinite }
    if !ofReference.isEmpty { return NotFiniteStep(step: step, cause: .reference, pairs: ofReference) }
    // Where a loss ties pairs together, one that is not finite makes all of them so.
    let ofLoss = those { !$0.loss.isFinite }
    if !ofLoss.isEmpty { return NotFiniteStep(step: step, cause: .pairs, pairs: ofLoss) }
    return NotFiniteStep(step: step, cause: .gradient, pairs: drawn)
  }
}
