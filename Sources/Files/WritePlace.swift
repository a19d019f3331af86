import Foundation

/// Where bytes go that are written under a name. What is no plain file is never replaced by one: symbolic links are
/// followed, so the link stays and the file that it names is replaced; devices and pipes are written to.
///
/// A program that runs as root and renames a file over `/dev/null` damages its machine; and a link that becomes a plain
/// file leaves the old contents where the user believes the new ones to be.
enum WritePlace {
  /// A plain file, or one that is not there yet: written aside and renamed to this path, which is no link.
  case file(URL)
  /// A device, a pipe or an open descriptor: written to as it stands.
  case stream(Int32)

  private static let mostLinks = 40

  /// Finds the place of a name.
  ///
  /// - Throws: `FileError` of the reason `cannotWrite`: for a folder, a block device, a socket, links in a circle, or a
  ///   stream that cannot be opened.
  init(_ destination: URL) throws(FileError) {
    var path = destination.path
    for _ in 0..<Self.mostLinks {
      // What a descriptor of this process writes to has no name of its own: `/dev/stdout` is a link to such a path.
      if let number = Self.descriptor(path) {
        let copy = fcntl(number, F_DUPFD_CLOEXEC, 3)
        guard copy >= 0 else { throw FileError.cannotWrite(destination.path, errno: errno) }
        self = .stream(copy)
        return
      }
      var status = stat()
      guard lstat(path, &status) == 0 else {
        guard errno == ENOENT else { throw FileError.cannotWrite(destination.path, errno: errno) }
        self = .file(URL(fileURLWithPath: path))
        return
      }
      switch status.st_mode & S_IFMT {
      case S_IFREG:
        self = .file(URL(fileURLWithPath: path))
        return
      case S_IFLNK: path = try Self.target(of: path, named: destination.path)
      case S_IFCHR, S_IFIFO:
        let opened = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC)
        guard opened >= 0 else { throw FileError.cannotWrite(destination.path, errno: errno) }
        self = .stream(opened)
        return
      case S_IFDIR: throw FileError.cannotWrite(destination.path, errno: EISDIR)
      default:
        throw FileError(
          .cannotWrite(.alreadyExists), file: destination.path, "is a block device or a socket, not a file",
          remedy: "name a file")
      }
    }
    throw FileError.cannotWrite(destination.path, errno: ELOOP)
  }

  /// A folder's own path, links followed: what is made beside it is then on the same disk.
  ///
  /// - Throws: `FileError` of the reason `cannotWrite` for what is there and no folder.
  static func folder(_ destination: URL) throws(FileError) -> URL {
    var path = destination.path
    for _ in 0..<mostLinks {
      var status = stat()
      guard lstat(path, &status) == 0 else { return URL(fileURLWithPath: path, isDirectory: true) }
      switch status.st_mode & S_IFMT {
      case S_IFDIR: return URL(fileURLWithPath: path, isDirectory: true)
      case S_IFLNK: path = try target(of: path, named: destination.path)
      default:
        throw FileError(
          .cannotWrite(.alreadyExists), file: destination.path, "is a file, not a folder",
          remedy: "remove it or choose another name")
      }
    }
    throw FileError.cannotWrite(destination.path, errno: ELOOP)
  }

  private static func target(of link: String, named name: String) throws(FileError) -> String {
    var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = readlink(link, &bytes, bytes.count)
    guard count > 0 else { throw FileError.cannotWrite(name, errno: errno) }
    let target = String(decoding: bytes[..<count], as: UTF8.self)
    if target.hasPrefix("/") { return target }
    return URL(fileURLWithPath: link).deletingLastPathComponent().path + "/" + target
  }

  /// The number in `/dev/fd/1` and `/proc/self/fd/1`.
  private static func descriptor(_ path: String) -> Int32? {
    for folder in ["/dev/fd/", "/proc/self/fd/", "/proc/\(getpid())/fd/"] where path.hasPrefix(folder) {
      return Int32(path.dropFirst(folder.count))
    }
    return nil
  }
}
