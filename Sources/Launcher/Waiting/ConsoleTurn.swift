import Foundation
import Synchronization

/// Which of a job's processes on one host speaks when all would say the same.
///
/// Processes that wait for the same rank cannot ask each other yet; so a file lock decides. The system drops it when its
/// holder ends, and another takes over.
public final class ConsoleTurn: Sendable {
  private let path: String
  private let state = Mutex<(descriptor: Int32, lostFirst: Bool?)>((-1, nil))

  /// - Parameter environment: of this process
  public init(_ environment: WorkerEnvironment) {
    let name = "\(environment.jobIdentity)-\(environment.consoleIdentity)"
      .map { $0.isLetter || $0.isNumber ? String($0) : "-" }.joined()
    // Where there is no such folder, no lock can be had, and every process speaks.
    let folder = (try? PrivateFolder.location())?.path ?? "/nonexistent"
    path = "\(folder)/\(name).turn"
  }

  deinit {
    let descriptor = state.withLock(\.descriptor)
    guard descriptor >= 0 else { return }
    unlink(path)
    close(descriptor)
  }

  /// Whether this process is the one that speaks. Where no lock can be had, every process does.
  public var isOurs: Bool {
    state.withLock { state in
      if state.descriptor >= 0 { return true }
      let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
      guard descriptor >= 0 else { return true }
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
        close(descriptor)
        state.lostFirst = state.lostFirst ?? true
        return false
      }
      state.descriptor = descriptor
      state.lostFirst = state.lostFirst ?? false
      return true
    }
  }

  /// Whether another process spoke first, and so has said what this one would say.
  public var wasTaken: Bool { state.withLock { $0.lostFirst ?? false } }
}

extension WorkerEnvironment {
  /// A text that is equal on those processes of the job on one host whose standard error is read in one place.
  package var consoleIdentity: String {
    switch startedBy {
    case .launch: return "launcher-\(launcherProcess ?? 0)"
    // These gather the output of all ranks.
    case .openMPI, .pmi, .slurm: return "starter"
    case .alone, .torchrun:
      var file = stat()
      guard fstat(STDERR_FILENO, &file) == 0 else { return "rank-\(rank)" }
      return "file-\(file.st_dev)-\(file.st_ino)"
    }
  }
}
