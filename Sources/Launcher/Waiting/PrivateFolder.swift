import Foundation

/// A folder for the small files by which processes of one user find each other, which no other user can write to or guess
/// names into.
package enum PrivateFolder {
  /// Makes the folder, or takes the one that is there.
  ///
  /// - Throws: ``LaunchError`` where another user has put something in its place
  package static func location() throws(LaunchError) -> URL {
    var base = FileManager.default.temporaryDirectory.path
    while base.hasSuffix("/"), base.count > 1 { base.removeLast() }
    let path = "\(base)/minimind-dpo-\(getuid())"
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
      throw LaunchError(.cannotWrite, "cannot make the folder \(path): \(String(cString: strerror(errno))).")
    }
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid == getuid(),
      status.st_mode & 0o022 == 0
    else {
      throw LaunchError(
        .unavailable,
        "\(path) is not a folder that only this user can write to, so the processes of a job cannot meet through it. "
          + "Remove it, or name another folder for temporary files with TMPDIR.")
    }
    return URL(fileURLWithPath: path, isDirectory: true)
  }
}
