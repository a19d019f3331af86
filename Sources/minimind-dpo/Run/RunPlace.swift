import Files
import Foundation
import Launcher
import Logging
import Observability
import Training

/// Where a process of a run writes.
struct RunPlace {
  /// Where the run is recorded; nil on all ranks but the first.
  let records: RunFolder?
  /// Where checkpoints and the result go: the same folder, or with `--save-on-each-node` one on each host; nil on ranks that
  /// write nothing.
  let checkpoints: RunFolder?

  /// A run whose first rank writes everything.
  init(_ folder: RunFolder?) { (records, checkpoints) = (folder, folder) }

  /// Takes the folder of a run, on the ranks that write.
  ///
  /// - Throws: `TrainingError` where it cannot be used, `Failure` where hosts share the folder that each is to have alone
  init(_ request: TrainingRequest, _ environment: WorkerEnvironment) throws {
    let eachHost = request.output.savesOnEachNode
    guard !request.isDryRun, environment.rank == 0 || eachHost && environment.localRank == 0 else {
      (records, checkpoints) = (nil, nil)
      return
    }
    let existing = RunCheckpoints(request.output, environment).existing
    do {
      // A run in it is replaced only once this one can begin.
      let folder = try RunFolder(request.output.location, existing: existing == .overwrite ? .resume : existing) {
        holder in
        let (folder, seconds) = (request.output.folder, FolderLock.seconds)
        Logger(label: "train").notice(
          Phrase(
            en:
              "\(folder): watching for \(seconds) s whether \(holder), still runs in it (locks on this file system may not "
              + "reach other machines)",
            zh: "\(folder)：观察 \(seconds) 秒，看 \(holder) 是否还在其中运行（这个文件系统的锁未必对其他机器有效）"))
      }
      (records, checkpoints) = (environment.rank == 0 ? folder : nil, folder)
    } catch {
      guard eachHost, case .folderLocked = error else { throw error }
      throw Failure(
        .cannotWrite, "\(error) With --save-on-each-node every host needs an --output-dir of its own, on its own disk.")
    }
  }

  /// Lets other runs use the folder.
  func release() { checkpoints?.release() }

  /// Removes the folder of a run that never began.
  func removeIfUnused() { checkpoints?.removeIfUnused() }
}
