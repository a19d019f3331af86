import Foundation
import Launcher
import Logging
import Observability

/// What the environment says of this process, which decides who speaks on the console.
enum ThisProcess {
  /// Nil where the variables make no sense; the command that needs them says why.
  static let environment: WorkerEnvironment? = try? WorkerEnvironment(ProcessInfo.processInfo.environment)

  /// Whether this is one of several processes, and not the first.
  static var isOneOfOthers: Bool { environment.map { $0.rank > 0 } ?? false }

  /// Rank 0 speaks for all; the others print notices (what they wait for), warnings and errors, with their rank in front.
  static func logHandler() -> ConsoleLogHandler {
    let level = ProcessInfo.processInfo.environment["MINIMIND_DPO_LOG"].flatMap(Logger.Level.init(rawValue:))
    guard let environment, environment.rank > 0 else { return ConsoleLogHandler(level: level ?? .info) }
    return ConsoleLogHandler(
      level: level ?? .notice, rank: environment.rank, worldSize: environment.worldSize)
  }
}
