import Files
import Foundation
import Training
import Yams

/// `config.yaml`: every option with the value it had, in a form that `--config` takes again.
enum RunConfiguration {
  static func write(_ command: Train, to folder: RunFolder) throws {
    let pairs = options(of: command).compactMap { name, value in value.map { (Node(name), node($0)) } }
    let text = try Yams.serialize(node: .mapping(Node.Mapping(pairs)))
    try writeAtomically(Data(text.utf8), to: folder.file("config.yaml"))
  }

  private static func node(_ value: any CustomStringConvertible) -> Node {
    if let text = value as? String {
      // A path may look like a number or a truth value; quoted it stays a text.
      let isText = Node(text).tag.description.hasSuffix("str")
      return Node(text, Tag(.str), isText ? .any : .singleQuoted)
    }
    return Node(value.description)
  }

  /// What each process of a job may have otherwise: where it finds things, and with how many threads it works.
  static let mayDiffer: Set<String> = [
    "model", "tokenizer", "ref-model", "train-data", "eval-data", "output-dir", "token-cache", "device", "threads",
  ]

  /// nil for what was not given; flags appear only where they are set.
  static func options(of command: Train) -> [(String, (any CustomStringConvertible)?)] {
    func flag(_ value: Bool) -> Bool? { value ? true : nil }
    let (model, pairs, optimization, output) = (command.main.model, command.pairs, command.optimization, command.output)
    let miniMind = command.miniMind
    return [
      ("model", model.model), ("tokenizer", model.tokenizer), ("ref-model", command.main.refModel),
      ("hidden-size", command.shape.hiddenSize), ("num-hidden-layers", command.shape.numHiddenLayers),
      ("num-attention-heads", command.shape.numAttentionHeads),
      ("inference-rope-scaling", flag(command.shape.inferenceRopeScaling)),
      ("train-data", command.main.trainData), ("eval-data", command.main.evalData),
      ("max-length", pairs.maxLength), ("truncation-mode", pairs.truncationMode.rawValue),
      ("empty-think", pairs.emptyThink.rawValue), ("completion-mask", pairs.completionMask.rawValue),
      ("skip-bad-lines", flag(pairs.skipBadLines)), ("token-cache", pairs.tokenCache),
      ("per-device-train-batch-size", optimization.batch.perDeviceTrainBatchSize),
      ("per-device-eval-batch-size", output.perDeviceEvalBatchSize),
      ("gradient-accumulation-steps", optimization.batch.gradientAccumulationSteps),
      ("micro-batch-tokens", optimization.batch.microBatchTokens),
      ("gradient-checkpointing", flag(optimization.batch.gradientCheckpointing)),
      ("num-train-epochs", optimization.numTrainEpochs), ("max-steps", optimization.maxSteps),
      ("learning-rate", optimization.learningRate), ("lr-scheduler-type", optimization.lrSchedulerType.rawValue),
      ("warmup-steps", optimization.warmupSteps), ("warmup-ratio", optimization.warmupRatio),
      ("min-lr-rate", optimization.minLrRate), ("weight-decay", optimization.weightDecay),
      ("adam-beta1", optimization.adamBeta1), ("adam-beta2", optimization.adamBeta2),
      ("adam-epsilon", optimization.adamEpsilon), ("max-grad-norm", optimization.maxGradNorm),
      ("beta", optimization.beta), ("loss-type", optimization.lossType.rawValue),
      ("label-smoothing", optimization.labelSmoothing), ("ref-logps", optimization.refLogps.rawValue),
      ("no-shuffle", flag(optimization.noShuffle)), ("no-prefix-sharing", flag(optimization.noPrefixSharing)),
      ("seed", optimization.seed), ("output-dir", command.main.outputDir), ("logging-steps", output.loggingSteps),
      ("logging-first-step", flag(output.loggingFirstStep)),
      ("eval-strategy", output.evalStrategy?.rawValue), ("eval-steps", output.evalSteps),
      ("save-strategy", output.saveStrategy?.rawValue), ("save-steps", output.saveSteps),
      ("save-total-limit", output.saveTotalLimit), ("save-dtype", output.saveDtype.rawValue),
      ("device", command.device.device.rawValue), ("precision", command.device.precision.rawValue),
      ("bf16", flag(command.device.bf16)), ("fp16", flag(command.device.fp16)), ("tf32", flag(command.device.tf32)),
      ("no-cuda-graphs", flag(command.device.noCudaGraphs)),
      ("threads", command.device.threads),
      ("backend", command.distribution.backend.rawValue), ("zero-stage", command.optimization.zeroStage),
      ("collective-timeout", command.distribution.collectiveTimeout),
      ("from-weight", miniMind.fromWeight), ("save-dir", miniMind.saveDir), ("save-weight", miniMind.saveWeight),
      ("dtype", miniMind.dtype?.rawValue), ("num-workers", miniMind.numWorkers), ("use-wandb", flag(miniMind.useWandb)),
      ("wandb-project", miniMind.wandbProject), ("use-compile", miniMind.useCompile == 1 ? 1 : nil),
    ]
  }
}
