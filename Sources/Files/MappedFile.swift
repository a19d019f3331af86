import Foundation

/// A file mapped into memory, whole, for as long as this object lives.
///
/// The mapping is private and copy-on-write: a tensor on it may be changed in place without changing the file. Sharing it
/// between threads is safe as long as no thread writes to it. A mapping does not survive another program truncating the
/// file; files written by this module are replaced by renaming and never truncated.
// Immutable except for writes through tensors, which are not Sendable.
package final class MappedFile: @unchecked Sendable {
  /// The path that error messages name.
  package let path: String
  /// All bytes of the file; no base address for an empty one.
  package let bytes: UnsafeMutableRawBufferPointer

  /// Maps a file.
  /// - Throws: `FileError`: missing or unreadable.
  package init(_ url: URL) throws(FileError) {
    path = url.path
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .cannotRead(path, errno: errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .cannotRead(path, errno: errno) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw FileError(
        .unreadable, file: path, "is not a regular file", remedy: "name a file, not a folder or device")
    }
    let count = Int(status.st_size)
    guard count > 0 else {
      bytes = UnsafeMutableRawBufferPointer(start: nil, count: 0)
      return
    }
    let base = mmap(nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, descriptor, 0)
    guard let base, base != MAP_FAILED else { throw .cannotRead(path, errno: errno) }
    bytes = UnsafeMutableRawBufferPointer(start: base, count: count)
  }

  deinit {
    if let base = bytes.baseAddress { munmap(base, bytes.count) }
  }
}
