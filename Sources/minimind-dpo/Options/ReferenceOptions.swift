import ArgumentParser
import Training

/// When the reference model runs, and whether it stays as it is.
struct ReferenceArguments: ParsableArguments {
  @Option(help: "The reference's log-probabilities: online, cache (computed once), or auto (cache for several epochs).")
  var refLogps = ReferenceMode.auto

  @OptionGroup var kept: ReferenceCacheArguments

  @Flag(help: "Let the reference follow the policy (TR-DPO).")
  var syncRefModel = false

  @Option(
    help: ArgumentHelp(
      "With --sync-ref-model: the policy's part in the reference after a synchronisation, 0 to 1.", valueName: "α"))
  var refModelMixupAlpha = ReferenceSync().mixing

  @Option(help: ArgumentHelp("With --sync-ref-model: steps between two synchronisations.", valueName: "steps"))
  var refModelSyncSteps = ReferenceSync().steps

  func validate() throws {
    guard (0...1).contains(refModelMixupAlpha) else {
      throw ValidationError("--ref-model-mixup-alpha must lie between 0 and 1.")
    }
    guard refModelSyncSteps >= 1 else { throw ValidationError("--ref-model-sync-steps must be at least 1.") }
    guard !syncRefModel || refLogps != .cache else {
      throw ValidationError("--ref-logps cache keeps what the reference said, but with --sync-ref-model it changes.")
    }
  }

  /// How the reference follows the policy; nil where it stays as it is.
  var sync: ReferenceSync? {
    syncRefModel ? ReferenceSync(mixing: refModelMixupAlpha, steps: refModelSyncSteps) : nil
  }

  /// Whether what the reference says is computed once and kept.
  func keepsResults(epochs: Double) -> Bool {
    !syncRefModel && (refLogps == .cache || (refLogps == .auto && epochs > 1))
  }

  /// The settings under the names of their options, for `config.yaml`.
  var settings: [(name: String, value: (any CustomStringConvertible)?)] {
    [
      ("ref-logps", refLogps.rawValue), ("ref-cache", kept.refCache),
      ("sync-ref-model", syncRefModel ? true : nil),
      ("ref-model-mixup-alpha", syncRefModel ? refModelMixupAlpha : nil),
      ("ref-model-sync-steps", syncRefModel ? refModelSyncSteps : nil),
    ]
  }
}

/// When the reference model runs.
enum ReferenceMode: String, ExpressibleByArgument, CaseIterable {
  case auto, cache, online
}
