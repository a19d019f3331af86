import Files

extension MappedFile {
  /// A little-endian integer at an offset that the caller has checked.
  func integer<T: FixedWidthInteger>(at offset: Int, as type: T.Type = T.self) -> T {
    T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
  }

  /// Refuses the files that are most often mistaken for a checkpoint, and says how to get the real one.
  func refuseImpostors() throws(FileError) {
    guard !bytes.starts(with: Array("version https://git-lfs".utf8)) else {
      throw FileError(
        .unsupported, file: path, "is a Git LFS pointer, not the file itself", remedy: "fetch it with `git lfs pull`")
    }
    guard bytes.count > 0 else { throw .damaged(path, "is empty") }
  }
}
