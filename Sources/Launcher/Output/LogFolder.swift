import Foundation

/// Where a job's files lie, as torchrun lays them: `<folder>/<run id>_<random>/attempt_<n>/<local rank>/` with
/// `stdout.log`, `stderr.log`, and `error.json`, in which a worker may leave the reason of its failure.
struct LogFolder {
  let path: String
  /// Whether it was not asked for: it then holds only the reasons of failures, and is removed when the job ends.
  let isTemporary: Bool

  /// Held as long as the launcher lives; the system drops it, and the next launcher removes the folder.
  private let lock: Int32

  /// - Parameter folder: `--log-dir`
  init(folder: String?, runID: String, keepsLogs: Bool) throws(LaunchError) {
    let base = folder ?? FileManager.default.temporaryDirectory.path
    isTemporary = folder == nil && !keepsLogs
    do {
      try FileManager.default.createDirectory(atPath: base, withIntermediateDirectories: true)
    } catch {
      throw LaunchError(.cannotWrite, "--log-dir \(base): the folder cannot be made: \(error.localizedDescription)")
    }
    if isTemporary { Self.removeLeftovers(in: base) }
    let name =
      (folder == nil ? (isTemporary ? Self.temporaryPrefix : "minimind-dpo-") : "") + runID.replacing("/", with: "_")
    var template = Array("\(base)/\(name)_XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else {
      throw LaunchError(.cannotWrite, "cannot make a folder in \(base): \(String(cString: strerror(errno))).")
    }
    path = String(cString: made)
    lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if lock >= 0 { flock(lock, LOCK_EX | LOCK_NB) }
  }

  private static let temporaryPrefix = "minimind-dpo-tmp-"

  /// Removes the temporary folders of this user's launchers that were killed. One that is just being made has no lock yet,
  /// so young folders stay.
  private static func removeLeftovers(in base: String) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: base)) ?? [] where name.hasPrefix(temporaryPrefix)
    {
      let path = "\(base)/\(name)"
      let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      guard descriptor >= 0 else { continue }
      defer { close(descriptor) }
      var status = stat()
      guard fstat(descriptor, &status) == 0, status.st_uid == getuid(), time(nil) - status.st_mtim.tv_sec > 60,
        flock(descriptor, LOCK_EX | LOCK_NB) == 0
      else { continue }
      try? FileManager.default.removeItem(atPath: path)
    }
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
    if lock >= 0 { close(lock) }
  }
}
