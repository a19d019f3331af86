/// Why `launch` did not start its workers, or gave up on them. Failures of workers are reported otherwise.
public struct LaunchError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The exit codes of sysexits.h that come with it.
  public enum Code: Int32, Sendable {
    /// The command line is wrong.
    case usage = 64
    /// A program or file is not there.
    case missingInput = 66
    /// A port, a host or the other nodes cannot be had.
    case unavailable = 69
    /// Log files cannot be written.
    case cannotWrite = 73
  }

  /// What the process ends with.
  public let code: Code
  /// What is wrong, and what to do.
  public let description: String

  init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }

  static func usage(_ description: String) -> LaunchError { LaunchError(.usage, description) }
}
