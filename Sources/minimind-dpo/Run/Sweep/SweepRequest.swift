import Foundation
import Observability

/// What a sweep is asked to do.
struct SweepRequest {
  /// A training of the sweep.
  struct Trial {
    /// What is set otherwise than in other trials.
    var setting: SweepSetting
    /// The run, whose folder is the trial's own.
    var run: TrainingRequest
  }

  /// The run that the options ask for without a sweep; its folder is the sweep's.
  var standard: TrainingRequest
  /// What that run is set to.
  var standardSetting: SweepSetting
  /// The trials, in the order in which they are trained.
  var trials: [Trial]
  /// Whether the chosen trial's model is written.
  var savesBest: Bool

  /// The folder of the sweep.
  var location: URL { standard.output.location }

  /// The path of a trial's folder.
  static func folder(of setting: SweepSetting, in sweep: String) -> String { "\(sweep)/trials/\(setting.name)" }

  /// The path of the folder of the best trial's model.
  var bestFolder: String { "\(standard.output.folder)/best" }
}

/// What must be the same when a sweep goes on, so that its trials can be compared.
extension SweepRequest {
  /// Options that trials differ in, or that change nothing in what a trial measures.
  private static let free: Set<String> = RunConfiguration.mayDiffer.union([
    "learning-rate", "beta", "loss-type", "ref-logps", "logging-steps", "logging-first-step", "eval-strategy",
    "eval-steps", "per-device-eval-batch-size", "save-strategy", "save-steps", "save-total-limit", "save-dtype",
    "backend", "collective-timeout", "no-cuda-graphs", "zero-stage", "micro-batch-tokens", "gradient-checkpointing",
    "no-prefix-sharing", "report-to", "run-name", "project",
  ])

  /// The options and the content of the files, by name.
  func identity(_ inputs: RunInputs) throws -> [String: String] {
    var facts = try inputs.contentHashes
    facts["precision"] = inputs.job.placement.type.rawValue
    facts["processes"] = "\(inputs.job.worldSize)"
    for (name, value) in standard.settings where !Self.free.contains(name) { facts["--" + name] = value?.description }
    return facts
  }
}
