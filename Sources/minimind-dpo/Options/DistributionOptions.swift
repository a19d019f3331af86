import ArgumentParser

/// How several processes work together.
struct DistributionArguments: ParsableArguments {
  @Option(help: "What carries data between processes: auto (gloo on CPUs, nccl on GPUs), gloo or nccl.")
  var backend = BackendChoice.auto

  @Option(
    help: ArgumentHelp(
      "How long processes may wait for each other's gradients; preparing data does not count.", valueName: "seconds"))
  var collectiveTimeout = 600

  func validate() throws {
    guard (1...366 * 86_400).contains(collectiveTimeout) else {
      throw ValidationError("--collective-timeout must be at least 1 second and at most a year.")
    }
  }
}

/// What `--backend` may name.
enum BackendChoice: String, ExpressibleByArgument, CaseIterable {
  case auto, gloo, nccl
}
