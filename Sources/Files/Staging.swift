import Foundation

/// The hidden names under which files and folders are written before they get their final name: `.NAME.partial-` and 16
/// hexadecimal digits, in the same folder.
///
/// The writer holds a lock (`flock`) on the file or folder until it is renamed or removed. The system drops the lock when
/// the writer dies, for whatever reason; so an unlocked file or folder with such a name was left by a dead writer.
enum Staging {
  private static let infix = ".partial-"

  /// A new hidden sibling of a path.
  static func path(for destination: URL) -> String {
    let digits = String(UInt64.random(in: .min ... .max), radix: 16)
    let name =
      "." + destination.lastPathComponent + infix + String(repeating: "0", count: 16 - digits.count) + digits
    return destination.deletingLastPathComponent().appendingPathComponent(name).path
  }

  /// Whether a name is that of a file or folder that is being written, or was when its writer died.
  static func isStaged(_ name: String) -> Bool {
    guard name.hasPrefix("."), let range = name.range(of: infix, options: .backwards) else { return false }
    let digits = name[range.upperBound...]
    return digits.count == 16 && digits.allSatisfy { $0.isHexDigit && $0.isASCII }
  }

  /// Takes the writer's lock on a file or folder that was just created.
  /// - Returns: false if it was mistaken for a leftover and removed between creation and locking
  static func lock(_ descriptor: Int32, path: String) -> Bool {
    // On a file system without locks the file stays unlocked; `removeLeftovers` then cannot lock it either.
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
