import Launcher
import Logging

/// Says what a process of a job waits for, of whom, and how long it has waited so far.
///
/// The processes of a host mostly wait for the same, so one of them says it.
package struct WaitReports: Sendable {
  private let logger: Logger
  private let turn: ConsoleTurn

  package init(_ logger: Logger, turn: ConsoleTurn) { (self.logger, self.turn) = (logger, turn) }

  /// Calls `body`, and logs what it waits for while it takes longer than some seconds.
  ///
  /// - Parameter subject: whom or what for, such as `rank 3 of 8`; asked on another thread
  func during<Result, Failure: Error>(
    _ subject: @escaping @Sendable () -> String, body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try LongWait.reported(
      { [logger, turn] seconds in
        if turn.isOurs { logger.notice("waiting for \(subject()), \(seconds) s so far") }
      }, during: body)
  }
}
