import ArgumentParser

/// `--nproc-per-node` for commands that share their work among processes. The launcher takes it before the command is parsed.
struct ProcessArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Processes on this machine: a number, or gpu for one on each GPU. Short for launch --nproc-per-node …; the other \
      options of launch, such as --nnodes, are taken too.
      """, valueName: "n|gpu|cpu|auto"))
  var nprocPerNode: String?

  func validate() throws {
    guard nprocPerNode == nil else {
      throw ValidationError("--nproc-per-node starts the processes, so it cannot be in a --config file; type it.")
    }
  }
}

/// How several processes work together.
struct DistributionArguments: ParsableArguments {
  @Option(help: "What carries data between processes: auto (gloo on CPUs, nccl on GPUs), gloo or nccl.")
  var backend = BackendChoice.auto

  @Option(
    help: ArgumentHelp(
      "How long processes may wait for each other's gradients; preparing data does not count.", valueName: "seconds"))
  var collectiveTimeout = 600

  @Flag(
    help: "Print at each record what every rank did: its speed, what it waited for. (default: only where one lags)")
  var logRanks = false

  func validate() throws {
    guard (1...366 * 86_400).contains(collectiveTimeout) else {
      throw ValidationError("--collective-timeout must be at least 1 second and at most a year.")
    }
  }
}

extension DistributionArguments {
  /// The values of the options.
  var value: Distribution { Distribution(backend: backend, collectiveTimeout: collectiveTimeout, logsRanks: logRanks) }
}

/// How several processes work together.
struct Distribution {
  /// What carries data between them.
  var backend = BackendChoice.auto
  /// Seconds that they may wait for each other's gradients.
  var collectiveTimeout = 600
  /// Whether each rank has its say at each record.
  var logsRanks = false
}

/// What `--backend` may name.
enum BackendChoice: String, ExpressibleByArgument, CaseIterable {
  case auto, gloo, nccl
}
