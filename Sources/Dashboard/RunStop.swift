import Files
import Foundation
import Observability

/// What came of asking a run to stop.
enum RunStop: Sendable, Hashable {
  /// The process, in words, has been told to; it saves a checkpoint after its current step and ends.
  case asked(process: String)
  /// Nothing was done, and why.
  case refused(Phrase)

  /// Sends SIGTERM to a process; returns 0, or why it could not.
  typealias Signal = @Sendable (_ process: Int32) -> Int32

  static let terminate: Signal = { kill($0, SIGTERM) == 0 ? 0 : errno }

  /// Asks the process that has the run's folder, as SIGTERM from a terminal would; of several processes of a job one is
  /// enough.
  ///
  /// - Parameters:
  ///   - asked: a process of the run that was asked before, in words: a second signal would end it at once
  ///   - signal: how a process is asked
  init(_ folder: URL, asked: String?, signal: Signal) {
    guard let holder = FolderLock.holder(of: folder) else {
      self = .refused(DashboardWords.ended)
      return
    }
    guard holder.isHere else {
      self = .refused(DashboardWords.elsewhere(holder.words))
      return
    }
    let activity = (try? Data(contentsOf: folder.appendingPathComponent(RunActivity.fileName))).flatMap {
      RunActivity($0)
    }
    guard asked != holder.words, activity?.stopping == nil else {
      self = .refused(DashboardWords.stopping)
      return
    }
    switch signal(holder.process) {
    case 0: self = .asked(process: holder.words)
    case ESRCH: self = .refused(DashboardWords.ended)
    case let reason: self = .refused(DashboardWords.notAllowed(holder.words, String(cString: strerror(reason))))
    }
  }
}
