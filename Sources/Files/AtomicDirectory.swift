import Foundation

/// A folder that appears under its name complete or not at all.
///
/// It is filled under a hidden name in the same parent folder. `commit()` syncs every file to disk, adds a manifest of sizes
/// and checksums, and renames the folder. A writer that dies leaves only the hidden folder; it is never mistaken for a
/// checkpoint, and the next writer removes it.
///
/// ```swift
/// try AtomicDirectory.write(to: output.appendingPathComponent("checkpoint-100")) { folder in
///   try Safetensors.write(weights, to: folder.appendingPathComponent("model.safetensors"))
/// }
/// ```
public final class AtomicDirectory {
  /// Where to put the files until `commit()`.
  package let url: URL
  /// The folder's name once it is complete.
  let destination: URL
  private let replacing: Bool
  private let lock: Int32
  private var isFinished = false

  /// Creates the hidden folder, and removes what dead writers left in the parent folder.
  /// - Parameter replacing: whether `commit()` may replace an existing folder of that name; otherwise an existing folder is
  ///   an error at once.
  /// - Throws: `FileError` of the reason `cannotWrite`.
  package init(_ named: URL, replacing: Bool = false) throws {
    // A link stays a link: the folder that it names is written.
    let destination = try WritePlace.folder(named)
    self.destination = destination
    self.replacing = replacing
    guard replacing || !Self.exists(destination) else {
      throw FileError.cannotWrite(destination.path, errno: EEXIST)
    }
    Self.removeLeftovers(in: destination.deletingLastPathComponent())
    var (path, descriptor): (String, Int32)
    while true {
      path = Staging.path(for: destination)
      guard mkdir(path, 0o777) == 0 else { throw FileError.cannotWrite(destination.path, errno: errno) }
      descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      if descriptor >= 0, Staging.lock(descriptor, path: path) { break }
      let code = errno
      if descriptor >= 0 { close(descriptor) }
      guard code == ENOENT || descriptor >= 0 else { throw FileError.cannotWrite(destination.path, errno: code) }
    }
    url = URL(fileURLWithPath: path, isDirectory: true)
    lock = descriptor
  }

  deinit {
    abandon()
    close(lock)
  }

  /// Fills a folder and commits it; when the closure throws, nothing is left.
  /// - Returns: the manifest of what was written.
  /// - Throws: what the closure throws; `FileError` of the reason `cannotWrite`.
  @discardableResult
  public static func write(
    to destination: URL, replacing: Bool = false, _ body: (_ folder: URL) throws -> Void
  ) throws -> Manifest {
    let directory = try AtomicDirectory(destination, replacing: replacing)
    do {
      try body(directory.url)
      return try directory.commit()
    } catch {
      directory.abandon()
      throw error
    }
  }

  /// Completes the folder and gives it its final name. No more files may be added.
  /// - Returns: the manifest of what was written.
  /// - Throws: `FileError` of the reason `cannotWrite`; the folder then does not exist.
  @discardableResult
  package func commit() throws -> Manifest {
    precondition(!isFinished, "a folder is committed or abandoned once")
    let names = try FileManager.default.subpathsOfDirectory(atPath: url.path)
    var files: [String] = []
    var folders = [url.path]
    for name in names where name != Manifest.fileName {
      let path = url.appendingPathComponent(name).path
      switch try Self.kind(of: path) {
      case S_IFREG:
        try synchronize(path, name: destination.appendingPathComponent(name).path)
        files.append(name)
      case S_IFDIR: folders.append(path)
      default:
        throw FileError(
          .cannotWrite(.invalidContents), file: destination.appendingPathComponent(name).path,
          "a checkpoint holds regular files and folders only")
      }
    }
    let manifest = try Manifest(describing: files, in: url)
    try writeAtomically(manifest.text.utf8, to: url.appendingPathComponent(Manifest.fileName))
    for folder in folders.reversed() { try synchronize(folder) }
    try putInPlace()
    isFinished = true
    try synchronize(destination.deletingLastPathComponent().path)
    return manifest
  }

  /// Removes what was written so far; does nothing after `commit()`.
  private func abandon() {
    guard !isFinished else { return }
    isFinished = true
    try? FileManager.default.removeItem(at: url)
  }

  private func putInPlace() throws {
    if replacing, Self.exists(destination) {
      // Both folders swap names in one step; then the old one, now under the hidden name, is removed.
      if exchange(url.path, destination.path) {
        try? FileManager.default.removeItem(at: url)
        return
      }
      // On file systems that cannot do that, there is a moment without a folder.
      let old = Staging.path(for: destination)
      guard rename(destination.path, old) == 0 else {
        throw FileError.cannotWrite(destination.path, errno: errno)
      }
      guard rename(url.path, destination.path) == 0 else {
        let code = errno
        rename(old, destination.path)
        throw FileError.cannotWrite(destination.path, errno: code)
      }
      try? FileManager.default.removeItem(atPath: old)
    } else if Self.exists(destination) {
      throw FileError.cannotWrite(destination.path, errno: EEXIST)
    } else if rename(url.path, destination.path) != 0 {
      throw FileError.cannotWrite(destination.path, errno: errno)
    }
  }

  private static func kind(of path: String) throws -> mode_t {
    var status = stat()
    guard lstat(path, &status) == 0 else { throw FileError.cannotWrite(path, errno: errno) }
    return status.st_mode & S_IFMT
  }

  private static func exists(_ url: URL) -> Bool {
    var status = stat()
    return lstat(url.path, &status) == 0
  }
}

extension AtomicDirectory {
  /// Removes files and folders that dead writers left under hidden names; those of live writers stay.
  /// - Returns: what was removed.
  @discardableResult
  public static func removeLeftovers(in folder: URL) -> [URL] { Staging.removeLeftovers(in: folder) }

  /// Removes a folder in one step, as seen under its name: it gets a hidden name first. A process that dies meanwhile leaves
  /// only that, for the next writer to remove.
  /// - Throws: `FileError` of the reason `cannotWrite`; the folder is then as it was.
  public static func remove(_ folder: URL) throws(FileError) {
    let hidden = Staging.path(for: folder)
    let descriptor = open(folder.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    defer { if descriptor >= 0 { close(descriptor) } }
    if descriptor >= 0 { _ = flock(descriptor, LOCK_EX | LOCK_NB) }
    guard rename(folder.path, hidden) == 0 else { throw FileError.cannotWrite(folder.path, errno: errno) }
    try? FileManager.default.removeItem(atPath: hidden)
  }

  /// Compares every byte of a folder with its manifest.
  /// - Returns: the manifest.
  /// - Throws: `FileError`: missing (not a finished checkpoint), or damaged, naming every damaged file and what is wrong with it.
  @discardableResult
  public static func verify(_ folder: URL) throws -> Manifest {
    let manifest = try Manifest(readingFrom: folder)
    let damages = manifest.damages(in: folder)
    guard damages.isEmpty else {
      throw FileError.damaged(
        folder.path, damages.map(\.description).joined(separator: ", "), remedy: "use another checkpoint")
    }
    return manifest
  }
}

/// Swaps two paths in one step; false where the system or the file system cannot.
private func exchange(_ first: String, _ second: String) -> Bool {
  typealias Function = @convention(c) (Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32) -> Int32
  // The C library has this function, but its headers do not expose it to Swift.
  guard let symbol = dlsym(nil, "renameat2") else { return false }
  let renameat2 = unsafeBitCast(symbol, to: Function.self)
  let inOneStep: UInt32 = 2  // RENAME_EXCHANGE
  return renameat2(AT_FDCWD, first, AT_FDCWD, second, inOneStep) == 0
}
