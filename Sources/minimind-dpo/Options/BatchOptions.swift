import ArgumentParser
import Training

/// How many pairs make a step, and how many of them run at once.
struct BatchArguments: ParsableArguments {
  @Option(
    name: [.long, .customLong("batch-size")],
    help: ArgumentHelp("Pairs that run at once on each device.", valueName: "pairs"))
  var perDeviceTrainBatchSize = 4

  @Option(
    name: [.long, .customLong("accumulation-steps")],
    help: ArgumentHelp("Batches whose gradients make one step.", valueName: "count"))
  var gradientAccumulationSteps = 1

  @Option(
    help: ArgumentHelp(
      "Most tokens that run at once, whatever the number of pairs, with the same result; auto measures which is fastest.",
      valueName: "tokens|auto"))
  var microBatchTokens: MicroBatchTokens?

  @Flag(
    help:
      "Compute each layer again in the backward pass instead of keeping it: less memory, more time, the same numbers.")
  var gradientCheckpointing = false

  func validate() throws {
    guard perDeviceTrainBatchSize >= 1 else {
      throw ValidationError("--per-device-train-batch-size must be at least 1 pair.")
    }
    guard gradientAccumulationSteps >= 1 else {
      throw ValidationError("--gradient-accumulation-steps must be at least 1.")
    }
    for (name, value) in [
      ("per-device-train-batch-size", perDeviceTrainBatchSize),
      ("gradient-accumulation-steps", gradientAccumulationSteps),
    ] where value > 1_000_000 {
      throw ValidationError("--\(name) must be at most 1000000.")
    }
  }

  /// Pairs of a step in each process.
  var pairsOfStep: Int { perDeviceTrainBatchSize * gradientAccumulationSteps }

  /// Hands them to the trainer.
  func set(_ options: inout TrainingOptions) {
    options.perDeviceBatchSize = perDeviceTrainBatchSize
    options.accumulationSteps = gradientAccumulationSteps
    options.microBatchTokens = microBatchTokens?.limit
    options.findsMicroBatchTokens = microBatchTokens == .auto
  }
}

/// How large a micro-batch may be.
enum MicroBatchTokens: Hashable, ExpressibleByArgument, CustomStringConvertible {
  /// As large as is fastest.
  case auto
  /// So many tokens.
  case atMost(Int)

  init?(argument: String) {
    if argument == "auto" {
      self = .auto
    } else if let tokens = Int(argument), tokens >= 1 {
      self = .atMost(tokens)
    } else {
      return nil
    }
  }

  var limit: Int? {
    guard case .atMost(let tokens) = self else { return nil }
    return tokens
  }

  var description: String { limit.map(String.init) ?? "auto" }
}

extension LearningRateSchedule.Shape: ExpressibleByArgument {}
