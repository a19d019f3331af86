import Foundation
import Launcher
import Logging
import Observability

/// What the environment says of this process, which decides who speaks on the console.
enum ThisProcess {
  /// Alone where the variables make no sense; whoever needs them finds out why.
  static let environment: WorkerEnvironment? = try? WorkerEnvironment(ProcessInfo.processInfo.environment)

  /// Whether this is one of several processes, and not the first.
  static var isOneOfOthers: Bool { environment.map { $0.rank > 0 } ?? false }

  /// Rank 0 speaks for all; the others print notices (what they wait for), warnings and errors, with their rank in front.
  static func logHandler() -> ConsoleLogHandler {
    let wished = ProcessInfo.processInfo.environment["MINIMIND_DPO_LOG"].flatMap(Logger.Level.init(rawValue:))
    guard let environment, environment.rank > 0 else { return ConsoleLogHandler(level: wished ?? .info) }
    return ConsoleLogHandler(
      level: wished ?? .notice, rank: environment.rank, worldSize: environment.worldSize)
  }
}
