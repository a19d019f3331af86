import Foundation

/// The hidden names under which files and folders are written before they get their own: `.NAME.partial-` and 16
/// hexadecimal digits, in the same folder.
///
/// Its writer holds a lock (`flock`) on what lies there until it is renamed or removed. The system drops the lock when the
/// writer dies, however it dies; so whatever has such a name and no lock is the leftover of a dead writer.
enum Staging {
  private static let infix = ".partial-"

  /// A new hidden sibling of a path.
  static func path(for destination: URL) -> String {
    let digits = String(UInt64.random(in: .min ... .max), radix: 16)
    let name =
      "." + destination.lastPathComponent + infix + String(repeating: "0", count: 16 - digits.count) + digits
    return destination.deletingLastPathComponent().appendingPathComponent(name).path
  }

  /// Whether a file or folder of this name is one that is still being written, or was when its writer died.
  static func isStaged(_ name: String) -> Bool {
    guard name.hasPrefix("."), let range = name.range(of: infix, options: .backwards) else { return false }
    let digits = name[range.upperBound...]
    return digits.count == 16 && digits.allSatisfy { $0.isHexDigit && $0.isASCII }
  }

  /// Takes the writer's lock on something that was just made.
  /// - Returns: false when it was taken for a leftover and removed between its making and its locking.
  static func lock(_ descriptor: Int32, path: String) -> Bool {
    // A file system without locks leaves the file unlocked; `isAbandoned` then cannot lock it either.
    _ = flock(descriptor, LOCK_EX | LOCK_NB)
    var mine = stat()
    var there = stat()
    return fstat(descriptor, &mine) == 0 && lstat(path, &there) == 0 && mine.st_ino == there.st_ino
  }

  /// Removes what dead writers left in a folder.
  /// - Returns: what was removed.
  @discardableResult
  static func removeLeftovers(in folder: URL) -> [URL] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.filter(isStaged).map { folder.appendingPathComponent($0) }.filter { leftover in
      let descriptor = open(leftover.path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
      guard descriptor >= 0 else { return false }
      defer { close(descriptor) }
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return false }
      return (try? FileManager.default.removeItem(at: leftover)) != nil
    }
  }
}
