import Foundation

extension TrainingCommand {
  /// Every option of a run with its value, as `config.yaml` records it.
  ///
  /// nil for what was not given; flags appear only where they are set.
  var settings: [RunConfiguration.Setting] {
    func flag(_ value: Bool) -> Bool? { value ? true : nil }
    return [
      ("model", model.model), ("tokenizer", model.tokenizer), ("adapter", model.adapter),
      ("hidden-size", shape.hiddenSize), ("num-hidden-layers", shape.numHiddenLayers),
      ("num-attention-heads", shape.numAttentionHeads),
      ("inference-rope-scaling", flag(shape.inferenceRopeScaling)),
      ("train-data", data.trainData.map(\.description)),
      ("mix-strategy", data.isWeighted ? data.mixStrategy.rawValue : nil),
      ("eval-data", data.evalData.isEmpty ? nil : data.evalData.map(\.description)),
      ("eval-split", data.evalSplit),
      ("max-length", pairs.maxLength), ("truncation-mode", pairs.truncationMode.rawValue),
      ("empty-think", pairs.emptyThink.rawValue), ("completion-mask", pairs.completionMask.rawValue),
      ("apply-chat-template", flag(pairs.applyChatTemplate)), ("skip-bad-lines", flag(pairs.skipBadLines)),
      ("columns", pairs.columns.isEmpty ? nil : pairs.columns), ("max-samples", pairs.maxSamples),
      ("min-margin", pairs.minMargin), ("token-cache", pairs.tokenCache),
      ("per-device-train-batch-size", optimization.batch.perDeviceTrainBatchSize),
      ("per-device-eval-batch-size", output.perDeviceEvalBatchSize),
      ("gradient-accumulation-steps", optimization.batch.gradientAccumulationSteps),
      ("micro-batch-tokens", optimization.batch.microBatchTokens),
      ("gradient-checkpointing", flag(optimization.batch.gradientCheckpointing)),
      ("num-train-epochs", optimization.numTrainEpochs), ("max-steps", optimization.maxSteps),
      ("learning-rate", optimization.learningRate ?? Self.usualLearningRate),
      ("lr-scheduler-type", optimization.lrSchedulerType.rawValue),
      ("warmup-steps", optimization.warmupSteps), ("warmup-ratio", optimization.warmupRatio),
      ("min-lr-rate", optimization.minLrRate), ("weight-decay", optimization.weightDecay),
      ("adam-beta1", optimization.adamBeta1), ("adam-beta2", optimization.adamBeta2),
      ("adam-epsilon", optimization.adamEpsilon), ("max-grad-norm", optimization.maxGradNorm),
      ("router-aux-loss-coef", optimization.routerAuxLossCoef),
      ("no-shuffle", flag(optimization.noShuffle)), ("no-prefix-sharing", flag(optimization.noPrefixSharing)),
      ("seed", optimization.seed), ("output-dir", outputDir), ("max-time", output.maxTime),
      ("logging-steps", output.loggingSteps),
      ("logging-first-step", flag(output.loggingFirstStep)),
      ("eval-strategy", output.evalStrategy?.rawValue), ("eval-steps", output.evalSteps),
      ("load-best-model-at-end", flag(evaluation.loadBestModelAtEnd)),
      ("metric-for-best-model", evaluation.metricForBestModel),
      ("greater-is-better", evaluation.greaterIsBetter?.value),
      ("early-stopping-patience", evaluation.earlyStoppingPatience),
      ("early-stopping-threshold", evaluation.earlyStoppingPatience.map { _ in evaluation.earlyStoppingThreshold }),
      ("guard-data", evaluation.guardData), ("stop-on-forgetting", evaluation.stopOnForgetting),
      ("sample-prompts", evaluation.samplePrompts),
      ("sample-max-new-tokens", evaluation.samplePrompts.map { _ in evaluation.sampleMaxNewTokens }),
      ("stop-on-degeneration", flag(evaluation.stopOnDegeneration)),
      ("save-strategy", output.saveStrategy?.rawValue), ("save-steps", output.saveSteps),
      ("no-async-save", flag(output.noAsyncSave)), ("save-total-limit", output.saveTotalLimit), ("save-dtype", output.saveDtype.rawValue),
      ("device", device.device.rawValue), ("precision", device.precision.rawValue),
      ("bf16", flag(device.bf16)), ("fp16", flag(device.fp16)), ("tf32", flag(device.tf32)),
      ("no-cuda-graphs", flag(device.noCudaGraphs)),
      ("threads", device.threads),
      ("backend", distribution.backend.rawValue), ("zero-stage", optimization.zeroStage),
      ("collective-timeout", distribution.collectiveTimeout),
      ("from-weight", miniMind.fromWeight), ("save-dir", miniMind.saveDir), ("save-weight", miniMind.saveWeight),
      ("dtype", miniMind.dtype?.rawValue), ("num-workers", miniMind.numWorkers), ("use-wandb", flag(miniMind.useWandb)),
      ("wandb-project", miniMind.wandbProject), ("use-compile", miniMind.useCompile == 1 ? 1 : nil),
      ("use-moe", miniMind.useMoe),
    ] + ownSettings + adapter.settings
  }
}
