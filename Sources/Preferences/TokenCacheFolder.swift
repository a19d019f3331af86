import Foundation

/// Writing into and tidying the folder of a cache.
enum TokenCacheFolder {
  static let suffix = ".tokens"
  static let lockSuffix = ".lock"
  private static let partial = ".partial-"

  /// Why something could not be written, in the system's words.
  struct Refusal: Error, CustomStringConvertible {
    let description: String

    /// Takes the reason from `errno`.
    init(_ path: String) { description = "\(path): \(String(cString: strerror(errno)))" }
  }

  /// Makes a folder with those above it.
  static func make(_ folder: URL) throws {
    if mkdir(folder.path, 0o777) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, folder.path != "/" else { throw Refusal(folder.path) }
    try make(folder.deletingLastPathComponent())
    guard mkdir(folder.path, 0o777) == 0 || errno == EEXIST else { throw Refusal(folder.path) }
  }

  /// Writes a file that appears under its name complete or not at all, whatever was there before.
  static func write(_ bytes: Data, to file: URL) throws {
    let staged = file.deletingLastPathComponent()
      .appendingPathComponent(".\(file.lastPathComponent)\(partial)\(getpid())-\(UInt32.random(in: 0 ... .max))").path
    let descriptor = open(staged, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw Refusal(staged) }
    do {
      defer { close(descriptor) }
      try bytes.withUnsafeBytes { buffer in
        var rest = buffer[...]
        while !rest.isEmpty {
          let written = Foundation.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
          guard written > 0 || errno == EINTR else { throw Refusal(staged) }
          rest = rest.dropFirst(max(0, written))
        }
      }
      guard fsync(descriptor) == 0, rename(staged, file.path) == 0 else { throw Refusal(staged) }
    } catch {
      unlink(staged)
      throw error
    }
    // So that the name survives a loss of power too; where folders cannot be synchronized, the checksum will tell.
    let folder = open(file.deletingLastPathComponent().path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if folder >= 0 {
      fsync(folder)
      close(folder)
    }
  }

  /// Removes the files that were not used for longest until the others are within a limit, and what dead writers left.
  /// - Parameters:
  ///   - limit: bytes that the files may have together.
  ///   - kept: the file that stays in any case.
  static func tidy(_ folder: URL, limit: Int, keeping kept: URL) {
    var files: [(path: String, size: Int, used: Int)] = []
    let now = Int(Date().timeIntervalSince1970)
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
      } else if name.contains(partial), now - used > 3600 {
        // A file is written in seconds, after all the work is done.
        unlink(path)
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
