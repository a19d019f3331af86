import Foundation

/// Where a job's files lie, as torchrun lays them: `<folder>/<run id>_<random>/attempt_<n>/<local rank>/` with
/// `stdout.log`, `stderr.log`, and `error.json`, in which a worker may leave the reason of its failure.
struct LogFolder {
  let path: String
  /// Whether it was not asked for: it then holds only the reasons of failures, and is removed when the job ends.
  let isTemporary: Bool

  /// - Parameter folder: `--log-dir`
  init(folder: String?, runID: String, keepsLogs: Bool) throws(LaunchError) {
    let base = folder ?? FileManager.default.temporaryDirectory.path
    isTemporary = folder == nil && !keepsLogs
    do {
      try FileManager.default.createDirectory(atPath: base, withIntermediateDirectories: true)
    } catch {
      throw LaunchError(.cannotWrite, "--log-dir \(base): the folder cannot be made: \(error.localizedDescription)")
    }
    let name = (folder == nil ? "minimind-dpo-" : "") + runID.replacing("/", with: "_")
    var template = Array("\(base)/\(name)_XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else {
      throw LaunchError(.cannotWrite, "cannot make a folder in \(base): \(String(cString: strerror(errno))).")
    }
    path = String(cString: made)
  }

  /// Makes the folder of a worker.
  func folder(attempt: Int, localRank: Int) throws(LaunchError) -> String {
    let folder = "\(path)/attempt_\(attempt)/\(localRank)"
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw LaunchError(.cannotWrite, "cannot make the folder \(folder): \(error.localizedDescription)")
    }
    return folder
  }

  /// Takes a temporary folder away.
  func remove() {
    if isTemporary { try? FileManager.default.removeItem(atPath: path) }
  }
}
