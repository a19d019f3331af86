import Foundation

/// A file that is written from its start to its end.
package final class FileWriter {
  /// The path that error messages name.
  let name: String
  package let descriptor: Int32
  /// How many bytes have been written.
  package private(set) var offset = 0

  /// Opens a file for writing.
  /// - Parameters:
  ///   - path: the file to open
  ///   - name: the path that error messages name, where the file is written under a temporary name
  ///   - creating: whether the file must not exist yet
  package init(_ path: String, name: String? = nil, creating: Bool) throws(FileError) {
    self.name = name ?? path
    descriptor = open(path, O_WRONLY | O_CLOEXEC | (creating ? O_CREAT | O_EXCL : 0), 0o666)
    guard descriptor >= 0 else { throw FileError.cannotWrite(self.name, errno: errno) }
  }

  /// Writes to a descriptor that is open, and closes it in the end.
  init(owning descriptor: Int32, name: String) { (self.descriptor, self.name) = (descriptor, name) }

  deinit {
    if descriptor >= 0 { close(descriptor) }
  }

  /// Writes all the bytes.
  package func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    var rest = bytes
    while let base = rest.baseAddress, rest.count > 0 {
      let count = systemWrite(descriptor, base, min(rest.count, 1 << 30))
      guard count >= 0 else {
        if errno == EINTR { continue }
        throw FileError.cannotWrite(name, errno: errno)
      }
      offset += count
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  /// Writes all the bytes.
  package func write(_ bytes: [UInt8]) throws(FileError) {
    try bytes.withUnsafeBytes { bytes in Result { () throws(FileError) in try write(bytes) } }.get()
  }

  /// Waits until the bytes are on the disk; only then does a full disk show on some file systems.
  package func synchronize() throws(FileError) {
    // Devices and pipes have nothing to wait for and answer EINVAL.
    guard fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP || errno == EROFS else {
      throw FileError.cannotWrite(name, errno: errno)
    }
  }
}

/// The system's `write`, which is hidden by the methods of the same name.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
  write(descriptor, bytes, count)
}

/// Waits until a file's bytes, or a folder's entries, are on disk. Without this, creating, renaming or removing a file may
/// be undone by a power failure.
/// - Parameter name: the path that error messages name, if it is a different one
func synchronize(_ path: String, name: String? = nil) throws(FileError) {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw FileError.cannotWrite(name ?? path, errno: errno) }
  defer { close(descriptor) }
  // Some network file systems do not support this for folders and answer EINVAL.
  guard fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP else {
    throw FileError.cannotWrite(name ?? path, errno: errno)
  }
}
