import Files
import Foundation

/// The files in the folder of a cache, and which of them stay.
enum TokenCacheFolder {
  static let suffix = ".tokens"
  static let lockSuffix = ".lock"

  /// Removes the files that were not used for longest until the others are within a limit, and what dead writers left.
  /// - Parameters:
  ///   - limit: bytes that the files may have together.
  ///   - kept: the file that stays in any case.
  static func tidy(_ folder: URL, limit: Int, keeping kept: URL) {
    var files: [(path: String, size: Int, used: Int)] = []
    AtomicDirectory.removeLeftovers(in: folder)
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [] {
      let path = folder.appendingPathComponent(name).path
      var status = stat()
      guard lstat(path, &status) == 0 else { continue }
      #if canImport(Darwin)
        let used = status.st_mtimespec.tv_sec
      #else
        let used = status.st_mtim.tv_sec
      #endif
      if name.hasSuffix(suffix) {
        files.append((path, Int(status.st_size), used))
      }
    }
    var total = files.reduce(0) { $0 + $1.size }
    for file in files.sorted(by: { ($0.used, $0.path) < ($1.used, $1.path) }) where total > limit {
      guard file.path != kept.path else { continue }
      unlink(file.path)
      total -= file.size
    }
  }

  /// Marks a file as used just now.
  static func touch(_ file: URL) { utimes(file.path, nil) }
}
