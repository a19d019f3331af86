import Foundation

/// Creates a folder with its parents; an existing folder is left unchanged.
/// - Throws: `FileError` of the reason `cannotWrite`, naming the folder that could not be created.
public func makeFolder(_ folder: URL) throws(FileError) {
  if mkdir(folder.path, 0o777) == 0 { return }
  switch errno {
  case EEXIST:
    var status = stat()
    guard stat(folder.path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
      throw FileError(
        .cannotWrite(.alreadyExists), file: folder.path, "is a file, not a folder",
        remedy: "remove it or choose another name")
    }
  case ENOENT where folder.path != "/" && !folder.path.isEmpty:
    try makeFolder(folder.deletingLastPathComponent())
    guard mkdir(folder.path, 0o777) == 0 || errno == EEXIST else {
      throw FileError.cannotWrite(folder.path, errno: errno)
    }
  case let code:
    throw FileError.cannotWrite(folder.path, errno: code)
  }
}
