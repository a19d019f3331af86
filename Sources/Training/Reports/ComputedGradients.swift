import DPO
import Preferences
import Torch

/// How the gradients of a step came about.
struct ComputedGradients {
  /// The micro-batches of this rank.
  let batches: [TreeBatch]
  /// The exchange with the other ranks; nil for a process alone.
  let exchange: GradientReducer.Exchange?
  /// The micro-batch that this rank had no memory for: the gradients are of no use then.
  let shortage: MemoryShortage?
  /// The tokens that micro-batches are limited to because memory ran out with more.
  let shrunkTo: Int?
  /// The passes that were replayed from a recording.
  let replayed: ReplayedPasses
}

/// What all ranks tell each other in each step, in one small all-reduce.
struct StepAgreement {
  /// The sums that are due to be reported: own ones before, of all ranks after it.
  var dueMetrics: PreferenceMetrics
  /// Whether a rank was asked to stop.
  var stopRequested: Bool
  /// Whether a rank was asked to save a checkpoint.
  var saveRequested: Bool
  /// Whether a rank had no memory for its part of the step.
  var isShortOfMemory: Bool
}

extension Ranks? {
  /// The sums over all ranks, and whether any of them was asked to stop or to save, or ran out of memory.
  func agree(_ own: StepAgreement) throws(TorchError) -> StepAgreement {
    let flags = [own.stopRequested, own.saveRequested, own.isShortOfMemory]
    let sums = try sum(own.dueMetrics.sums + flags.map { $0 ? 1 : 0 })
    let agreed = sums.suffix(flags.count).map { $0 > 0 }
    return StepAgreement(
      dueMetrics: PreferenceMetrics(sums: sums.dropLast(flags.count)), stopRequested: agreed[0],
      saveRequested: agreed[1], isShortOfMemory: agreed[2])
  }
}
