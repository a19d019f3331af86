/// The names of the numbers that a run records: TRL's where TRL has one, so that its users' scripts and plots work as
/// they are, and a few of our own. Evaluation uses the same names after ``MetricName/evaluationPrefix``.
public enum MetricName {
  /// Optimizer steps done, counted from 1.
  public static let step = "step"
  /// Passes over the training pairs, as a fraction.
  public static let epoch = "epoch"
  /// Mean loss over all pairs since the record before, over all ranks.
  public static let loss = "loss"
  /// The load-balancing loss of a mixture of experts, without its coefficient; `loss` has it in it, with the coefficient.
  public static let auxiliaryLoss = "aux_loss"
  /// e to the power of the loss per token; evaluations of supervised fine-tuning.
  public static let perplexity = "perplexity"
  /// Share of target tokens, 0…1, that the model finds the most probable; of chosen answers where there are two.
  public static let tokenAccuracy = "mean_token_accuracy"
  /// Mean entropy of the predictions of target tokens.
  public static let entropy = "entropy"
  /// Norm of the gradient before clipping.
  public static let gradientNorm = "grad_norm"
  /// The learning rate of the step.
  public static let learningRate = "learning_rate"
  /// β (log π − log π_ref) of the chosen answers, summed over their target tokens, mean over pairs.
  public static let rewardsChosen = "rewards/chosen"
  /// The same for the rejected answers.
  public static let rewardsRejected = "rewards/rejected"
  /// Share of pairs, 0…1, whose chosen answer has the higher reward.
  public static let rewardAccuracies = "rewards/accuracies"
  /// Chosen reward minus rejected reward, mean over pairs.
  public static let rewardMargins = "rewards/margins"
  /// log π of the chosen answers, summed over their target tokens, mean over pairs.
  public static let logpsChosen = "logps/chosen"
  /// The same for the rejected answers.
  public static let logpsRejected = "logps/rejected"
  /// Share of pairs, 0…1, whose chosen answer is the more probable one, whatever the reference; evaluations only.
  public static let logpsAccuracies = "logps/accuracies"
  /// Lower end of the 95 % interval of the accuracy (Wilson's), ties counting half; evaluations only.
  public static let accuracyLow = "rewards/accuracies_low"
  /// Its upper end.
  public static let accuracyHigh = "rewards/accuracies_high"
  /// By metric, the mean change since the start over the same pairs, with its bootstrap interval; evaluations only.
  public static let changes = "changes"
  /// By trait, slices of the evaluation pairs with their accuracies; evaluations only.
  public static let slices = "slices"
  /// Loss per predicted token of the texts that are watched for forgetting.
  public static let guardLoss = "guard_loss"
  /// By which part of its value before the first step that loss has risen.
  public static let guardLossChange = "guard_loss_change"
  /// The same in nats per token, with its bootstrap interval over the texts.
  public static let guardLossDifference = "guard_loss_difference"
  /// The number of answers to fixed prompts.
  public static let samples = "samples"
  /// Their mean length over that of the reference's answers.
  public static let samplesLengthRatio = "samples/length_ratio"
  /// In what way they have broken down, in words; evaluations in which they have.
  public static let samplesDegeneration = "samples/degeneration"
  /// Nats by which the policy's log-probability of an answer differs from the reference's, mean over both answers of the
  /// interval's pairs: TRL's estimate of the KL divergence between the two.
  public static let divergence = "objective/kl"
  /// Share of the weights, 0…1, that training has changed so far; recorded where a checkpoint or the result is saved.
  public static let weightsChanged = "weights/changed"
  /// Share of those, 0…1, that are still the same as before training in a type of 16 bits: in the saved file, or in the copies
  /// that products use.
  public static func weightsLost(_ type: String) -> String { "weights/lost/\(type)" }
  /// Tokens run through the model since the start.
  public static let tokens = "tokens"
  /// Tokens of both sides so far, as TRL counts them: without padding, shared prefixes twice.
  public static let sideTokens = "num_tokens"
  /// Pairs trained on since the start.
  public static let pairs = "pairs"
  /// Tokens per second of the interval, over all ranks.
  public static let tokensPerSecond = "tokens_per_second"
  /// Pairs per second of the interval, over all ranks.
  public static let pairsPerSecond = "pairs_per_second"
  /// MFU, 0…1: FLOP/s of the interval over the peak, which is the larger of the rate of matmuls that was measured
  /// before the first step and the fastest interval so far.
  public static let utilization = "utilization"
  /// Seconds a step took, mean of the interval.
  public static let stepTime = "time/step"
  /// Seconds a step waited for its batch.
  public static let dataWaitTime = "time/data_wait"
  /// Seconds a step waited for communication that computing did not hide.
  public static let communicationTime = "time/communication_exposed"
  /// The part of the gradients' way between ranks that computing hid, 0…1.
  public static let overlap = "communication/overlap"
  /// Bytes per second that every link carried at the least while gradients were exchanged.
  public static let busBandwidth = "communication/bus_bandwidth"
  /// Seconds of the interval in which training stood still for checkpoints.
  public static let checkpointTime = "time/checkpoint"
  /// By part of a step, the seconds that each rank spent on it in the interval, in the order of the ranks.
  public static let rankTimes = "time/ranks"
  /// Wall seconds of the run so far, of all its starts.
  public static let elapsed = "time/elapsed"
  /// Part of the time, 0…1, in which threads of the first process could have run that others had its cores, or a limit of its
  /// control group held it back.
  public static let coresTaken = "cores/taken"
  /// Part of the time, 0…1, in which its threads wanted a core and had none, whoever had it.
  public static let coresWaited = "cores/waited"
  /// Time that the slowest rank computed, over the median of all ranks.
  public static let stragglerRatio = "straggler/ratio"
  /// The slowest rank.
  public static let stragglerRank = "straggler/rank"
  /// Most memory in use so far, in bytes: on the device where there is one, else of the process.
  public static let peakMemory = "memory/peak_bytes"

  /// The rank whose GPU is the hottest.
  public static let hottestRank = "gpu/hottest/rank"
  /// Degrees of that GPU.
  public static let hottestTemperature = "gpu/hottest/temperature_celsius"
  /// How many ranks' GPUs were slowed by heat or by the hardware's own protection.
  public static let throttledRanks = "gpu/throttled_ranks"

  /// A number about the GPU of a rank, mean of the interval where nothing else is said:
  ///
  /// | name | |
  /// | --- | --- |
  /// | `activity` | part of the time, 0…1, in which any kernel ran; not how busy it kept the device |
  /// | `memory_activity` | part of the time, 0…1, in which the device's memory was read or written |
  /// | `sm_activity`, `tensor_activity` | busy multiprocessors and tensor cores, 0…1 (devices from Hopper on) |
  /// | `memory_bytes`, `process_memory_bytes` | most in use, by all processes; by this one, at the end |
  /// | `power_watts`, `power_limit_watts` | power, and how much it may be |
  /// | `temperature_celsius` | the highest |
  /// | `sm_clock_mhz` | clock of the multiprocessors |
  /// | `throttled`, `power_capped` | part of the time, 0…1, slowed by heat or hardware protection; by the power limit |
  /// | `uncorrected_errors`, `critical_errors` | memory errors since the driver was loaded; errors ("Xid") of the interval |
  public static func device(_ rank: Int, _ name: String) -> String { "gpu/\(rank)/\(name)" }

  /// What stands before a metric's name when it was measured on the evaluation pairs: `eval_loss`.
  public static let evaluationPrefix = "eval_"
}
