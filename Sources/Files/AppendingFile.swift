import Foundation

/// A file to which records are appended, each in a single write: a reader that follows the file never sees half a record,
/// and a killed process loses no record.
public final class AppendingFile {
  /// The path that error messages name.
  public let path: String
  private let descriptor: Int32

  /// Opens a file, creating it if necessary.
  /// - Parameter emptying: whether existing contents are dropped
  /// - Throws: `FileError` of the reason `cannotWrite`.
  public init(_ file: URL, emptying: Bool = false) throws(FileError) {
    path = file.path
    // To be read as well: a file that was removed can still be copied.
    let mode = O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | (emptying ? O_TRUNC : 0)
    let opened = open(path, O_RDWR | mode, 0o644)
    descriptor = opened >= 0 || errno != EACCES ? opened : open(path, O_WRONLY | mode, 0o644)
    guard descriptor >= 0 else { throw FileError.cannotWrite(path, errno: errno) }
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
  }

  /// Appends a record, whole or not at all. Half a record would run into the next one; without it the file stays valid
  /// until there is room on the disk again.
  /// - Throws: `FileError` of the reason `cannotWrite`.
  public func append(_ record: [UInt8]) throws(FileError) {
    let written = writeOnce(record)
    if written == record.count { return }
    guard written > 0 else { throw FileError.cannotWrite(path, errno: errno) }
    let end = lseek(descriptor, 0, SEEK_END)
    if end >= off_t(written) { _ = ftruncate(descriptor, end - off_t(written)) }
    throw FileError.cannotWrite(path, errno: ENOSPC)
  }

  /// The records so far, also of a file that was removed; empty where it cannot be read.
  var contents: [UInt8] {
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return [] }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var count = 0
    while count < bytes.count {
      let read = bytes.withUnsafeMutableBytes {
        pread(descriptor, $0.baseAddress! + count, $0.count - count, off_t(count))
      }
      if read <= 0 { break }
      count += read
    }
    return Array(bytes[..<count])
  }

  /// Waits until all records are on the disk.
  /// - Throws: `FileError` of the reason `cannotWrite`.
  public func synchronize() throws(FileError) {
    guard fsync(descriptor) == 0 else { throw FileError.cannotWrite(path, errno: errno) }
  }

  /// One write, tried again when a signal came before anything was written.
  private func writeOnce(_ record: [UInt8]) -> Int {
    while true {
      let written = record.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if written >= 0 || errno != EINTR { return written }
    }
  }
}
