import DPO
import Preferences
import Torch

/// Everything that decides what a run computes. Names and meanings are those of TRL's `DPOConfig` and
/// `transformers`' `TrainingArguments`.
public struct TrainingOptions: Sendable {
  /// The loss and its constants.
  public var loss = PreferenceLoss()
  /// What the load-balancing loss of a mixture of experts is multiplied by; nil for the model's own coefficient.
  public var routerAuxLossCoefficient: Double?
  /// Pairs of a micro-batch.
  public var perDeviceBatchSize = 4
  /// Micro-batches of an optimizer step.
  public var accumulationSteps = 1
  /// Input tokens that a micro-batch may have at the most. A rank's pairs of a step are then divided by tokens instead of
  /// by `perDeviceBatchSize`, which changes speed and memory only.
  public var microBatchTokens: Int?
  /// Whether that limit is to be found by `Trainer.findMicroBatchTokens(memory:)`.
  public var findsMicroBatchTokens = false
  /// Passes over the pairs.
  public var epochs = 1.0
  /// Optimizer steps, where they are not counted by epochs.
  public var maxSteps: Int?
  /// The largest learning rate.
  public var learningRate = 1e-6
  /// How the rate goes over the run.
  public var scheduleShape = LearningRateSchedule.Shape.linear
  /// Steps of warm-up; over `warmupRatio` where it is not 0.
  public var warmupSteps = 0
  /// Warm-up as a part of the run.
  public var warmupRatio = 0.0
  /// The last rate of `cosine_with_min_lr` as a part of the largest.
  public var minimumRateRatio = 0.1
  /// Constants of AdamW.
  public var adam = AdamW.Options()
  /// Gradients are scaled down to this norm; 0 leaves them.
  public var maxGradientNorm = 1.0
  /// So many steps in a row whose update was left out, since a gradient was not finite, end the run.
  public var maximumSkippedSteps = 5
  /// Whether the pairs come in a new order every epoch.
  public var shuffles = true
  /// The seed of that order.
  public var seed: UInt64 = 42
  /// What an epoch takes of each file, where the pairs are from several; nil for every pair once.
  public var mixture: PairMixture?
  /// Whether a pair's common prefix runs once.
  public var sharesPrefix = true
  /// Steps between two records.
  public var loggingSteps = 10
  /// Whether the first step has a record of its own.
  public var recordsFirstStep = false
  /// Steps between two evaluations; nil for one before and one after training.
  public var evaluationSteps: Int?
  /// Steps between two checkpoints; nil for none.
  public var saveSteps: Int?
  /// Whether policy and reference are the same model at step 1, so that its loss is known where the formula tells it.
  public var startsAtReference = true
  /// Whether the reference's log-probabilities are computed once and kept.
  public var cachesReference = false
  /// What else decides the reference's log-probabilities of a pair, in words: results on disk are used for the same words only.
  public var referenceVariant = ""
  /// How the reference follows the policy; nil where it stays as it is.
  public var referenceSync: ReferenceSync?

  /// Whether a GPU records the passes over micro-batches, and replays them; this changes speed only.
  public var recordsPasses = true

  /// The defaults of the command line.
  public init() {}

  /// Pairs of an optimizer step, over all ranks.
  public func globalBatchSize(worldSize: Int = 1) -> Int { worldSize * perDeviceBatchSize * accumulationSteps }

  /// Which of so many pairs each step takes.
  public func plan(pairs: Int, worldSize: Int = 1) -> BatchPlan {
    BatchPlan(
      mixture: mixture ?? PairMixture(sizes: [pairs]), globalBatchSize: globalBatchSize(worldSize: worldSize),
      epochs: epochs, maxSteps: maxSteps, shuffles: shuffles, seed: seed)
  }

  /// The learning rates of a run of this many steps.
  public func schedule(totalSteps: Int) -> LearningRateSchedule {
    // `transformers` rounds the ratio up to whole steps.
    let warmup = warmupSteps > 0 ? warmupSteps : Int((warmupRatio * Double(totalSteps)).rounded(.up))
    return LearningRateSchedule(
      shape: scheduleShape, peak: learningRate, warmupSteps: warmup, totalSteps: totalSteps,
      minimumRatio: minimumRateRatio)
  }
}
