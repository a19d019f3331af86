extension LaunchOptions {
  /// Takes the options of `launch` out of a command line of the worker: `train --nproc-per-node 4 --model m` is short for
  /// `launch --nproc-per-node 4 train --model m`.
  ///
  /// Only `--nproc-per-node` and `--nnodes` make it such a command line; then torchrun's other long options, spelled
  /// out, are taken along.
  ///
  /// - Parameter arguments: everything after the program's name
  /// - Returns: the arguments for ``parse(_:environment:cores:devices:)`` without the worker, and the worker's; nil when it
  ///   is no such command line
  public static func extracting(from arguments: [String]) -> (launch: [String], worker: [String])? {
    guard arguments.first != "launch" else { return nil }
    var launch: [String] = []
    var worker: [String] = []
    var isShort = false
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard argument.hasPrefix("--"), argument != "--", let option = LaunchOption.named(String(parts[0].dropFirst(2)))
      else {
        worker.append(argument)
        continue
      }
      isShort = isShort || ["nproc-per-node", "nnodes"].contains(option.name)
      launch.append(argument)
      if option.takesValue, parts.count == 1, let value = rest.popFirst() { launch.append(value) }
    }
    return isShort ? (launch, worker) : nil
  }
}
