import ArgumentParser
import Torch
import Training

/// The hyper-parameters of a run, under the names of TRL's `DPOConfig` and `transformers`' `TrainingArguments`.
struct OptimizationArguments: ParsableArguments {
  @Option(help: ArgumentHelp("Largest learning rate. (default: 1e-6; in sft 2e-5)", valueName: "rate"))
  var learningRate: Double?

  @Option(name: [.long, .customLong("epochs")], help: ArgumentHelp("Passes over the data.", valueName: "count"))
  var numTrainEpochs = 1.0

  @Option(help: ArgumentHelp("Optimizer steps in all; wins over the epochs.", valueName: "steps"))
  var maxSteps: Int?

  @OptionGroup var batch: BatchArguments

  @Option(help: "How the rate goes over the run.")
  var lrSchedulerType = LearningRateSchedule.Shape.linear

  @Option(help: ArgumentHelp("Steps in which the rate rises from 0.", valueName: "steps"))
  var warmupSteps = 0

  @Option(help: ArgumentHelp("The same as a part of the run, 0 to 1.", valueName: "part"))
  var warmupRatio = 0.0

  @Option(help: ArgumentHelp("Last rate of cosine_with_min_lr as a part of the largest, 0 to 1.", valueName: "part"))
  var minLrRate = 0.1

  @Option(help: ArgumentHelp("AdamW's decay of all weights per step, times the rate.", valueName: "λ"))
  var weightDecay = 0.0

  @Option(
    name: [.long, .customLong("grad-clip")],
    help: ArgumentHelp("Gradients are scaled down to this norm; 0 leaves them.", valueName: "norm"))
  var maxGradNorm = 1.0

  @Option(
    help: ArgumentHelp(
      "What the load-balancing loss of a mixture of experts is multiplied by; 0 for none. (default: the model's own)",
      valueName: "coefficient"))
  var routerAuxLossCoef: Double?

  @Option(name: .customLong("adam-beta1"), help: ArgumentHelp("AdamW's decay of the first moment.", valueName: "β₁"))
  var adamBeta1 = 0.9

  @Option(name: .customLong("adam-beta2"), help: ArgumentHelp("AdamW's decay of the second moment.", valueName: "β₂"))
  var adamBeta2 = 0.999

  @Option(help: ArgumentHelp("AdamW's term against division by 0.", valueName: "ε"))
  var adamEpsilon = 1e-8

  @Option(
    help: ArgumentHelp(
      "End the run when so many steps in a row had to be left out, since loss or gradient was not a finite number.",
      valueName: "steps"))
  var maxSkippedSteps = 5

  @Flag(name: .customLong("no-shuffle"), help: "Take the pairs in the order of the file, every epoch.")
  var noShuffle = false

  @Option(help: ArgumentHelp("Seed of the order of the pairs and of every other choice.", valueName: "number"))
  var seed: UInt64 = 42

  @Option(
    help: ArgumentHelp(
      "1 divides the optimizer's state among the processes (ZeRO stage 1), with the same results.", valueName: "0|1"))
  var zeroStage = 0

  @Flag(
    name: .customLong("no-prefix-sharing"),
    help: "Run each side of a pair on its own, common prefix included: the same numbers, slower. For comparisons.")
  var noPrefixSharing = false

  func validate() throws {
    func require(_ condition: Bool, _ message: String) throws {
      if !condition { throw ValidationError(message) }
    }
    try require(numTrainEpochs > 0 && numTrainEpochs <= 1e6, "--num-train-epochs must be above 0, and at most 1000000.")
    try require(maxSteps.map { $0 >= 1 } ?? true, "--max-steps must be at least 1.")
    try require(learningRate.map { $0 >= 0 && $0.isFinite } ?? true, "--learning-rate must not be negative.")
    try require(warmupSteps >= 0, "--warmup-steps must not be negative.")
    try require((0...1).contains(warmupRatio), "--warmup-ratio must lie between 0 and 1.")
    try require((0...1).contains(minLrRate), "--min-lr-rate must lie between 0 and 1.")
    try require(weightDecay >= 0 && weightDecay.isFinite, "--weight-decay must not be negative.")
    try require((0..<1).contains(adamBeta1), "--adam-beta1 must lie between 0 and 1, 1 excluded.")
    try require((0..<1).contains(adamBeta2), "--adam-beta2 must lie between 0 and 1, 1 excluded.")
    try require(adamEpsilon > 0 && adamEpsilon.isFinite, "--adam-epsilon must be above 0.")
    try require(
      routerAuxLossCoef.map { $0 >= 0 && $0.isFinite } ?? true, "--router-aux-loss-coef must not be negative.")
    try require(maxGradNorm >= 0 && maxGradNorm.isFinite, "--max-grad-norm must not be negative.")
    try require(maxSkippedSteps >= 1, "--max-skipped-steps must be at least 1.")
    try require(
      (0...1).contains(zeroStage), "--zero-stage must be 0 or 1; a model this small gains nothing from 2 and 3.")
  }

  /// The values for the trainer.
  ///
  /// - Parameter usualRate: the learning rate where none is given
  func options(usualRate: Double) -> TrainingOptions {
    var options = TrainingOptions()
    batch.set(&options)
    options.epochs = numTrainEpochs
    options.maxSteps = maxSteps
    options.learningRate = learningRate ?? usualRate
    options.scheduleShape = lrSchedulerType
    options.warmupSteps = warmupSteps
    options.warmupRatio = warmupRatio
    options.minimumRateRatio = minLrRate
    options.adam = AdamW.Options(
      beta1: adamBeta1, beta2: adamBeta2, epsilon: adamEpsilon, weightDecay: weightDecay)
    options.maxGradientNorm = maxGradNorm
    options.routerAuxLossCoefficient = routerAuxLossCoef
    options.maximumSkippedSteps = maxSkippedSteps
    options.shuffles = !noShuffle
    options.seed = seed
    options.sharesPrefix = !noPrefixSharing
    return options
  }
}
