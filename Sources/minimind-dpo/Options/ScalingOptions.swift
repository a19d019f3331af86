import ArgumentParser

/// How `bench --scaling` goes on.
struct ScalingArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Measure 1, 2, 4 … up to this many processes on this machine, and the efficiency against one.",
      valueName: "processes"
    ))
  var scaling: Int?

  @Option(help: ArgumentHelp("How often each number of processes has its turn.", valueName: "count"))
  var rounds = 3

  func validate() throws {
    if let scaling, scaling < 2 { throw ValidationError("--scaling must be at least 2 processes.") }
    guard rounds >= 1 else { throw ValidationError("--rounds must be at least 1.") }
  }
}
