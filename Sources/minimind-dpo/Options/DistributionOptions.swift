import ArgumentParser

/// How several processes work together.
struct DistributionArguments: ParsableArguments {
  @Option(help: "What carries data between processes: auto (gloo on CPUs, nccl on GPUs), gloo or nccl.")
  var backend = BackendChoice.auto

  @Option(
    help: ArgumentHelp(
      "1 divides the optimizer's state among the processes (ZeRO stage 1), with the same results.", valueName: "0|1"))
  var zeroStage = 0

  @Option(
    help: ArgumentHelp(
      "How long processes may wait for each other's gradients; preparing data does not count.", valueName: "seconds"))
  var collectiveTimeout = 600

  func validate() throws {
    guard (0...1).contains(zeroStage) else {
      throw ValidationError("--zero-stage must be 0 or 1; a model this small gains nothing from 2 and 3.")
    }
    guard collectiveTimeout >= 1 else { throw ValidationError("--collective-timeout must be at least 1 second.") }
  }
}

/// What `--backend` may name.
enum BackendChoice: String, ExpressibleByArgument, CaseIterable {
  case auto, gloo, nccl
}
