import Foundation

/// A file mapped into memory, whole, for as long as this object lives.
///
/// The mapping is private and copy-on-write: a tensor that lies on it may be changed in place, and the file stays as it
/// is. Sharing it between threads is safe as long as nobody writes to it. What no mapping can survive is a file that
/// another program shortens while it is in use; files written by this module are replaced by renaming, never shortened.
final class MappedFile: @unchecked Sendable {  // immutable but for writes through tensors, which are not Sendable
  let path: String
  /// All bytes of the file; no base address for an empty one.
  let bytes: UnsafeMutableRawBufferPointer

  init(_ url: URL) throws(CheckpointError) {
    path = url.path
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .cannotRead(path, errno: errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .cannotRead(path, errno: errno) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw CheckpointError(
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

extension MappedFile {
  /// A small-endian integer at an offset that the caller has checked.
  func integer<T: FixedWidthInteger>(at offset: Int, as type: T.Type = T.self) -> T {
    T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
  }

  /// Refuses the files that people most often take for a checkpoint by mistake, with the way out.
  func refuseImpostors() throws(CheckpointError) {
    guard !bytes.starts(with: Array("version https://git-lfs".utf8)) else {
      throw CheckpointError(
        .unsupported, file: path, "is a Git LFS pointer, not the file itself", remedy: "fetch it with `git lfs pull`")
    }
    guard bytes.count > 0 else { throw .damaged(path, "is empty") }
  }
}
