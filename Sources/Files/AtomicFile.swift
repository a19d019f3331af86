import Foundation

/// A file that appears under its name complete or not at all: it is written under a hidden name in the same folder,
/// synced to disk, and renamed. Until then an existing file of that name stays. A symbolic link stays too, and the file
/// that it names is replaced; devices and pipes are written to (`WritePlace`).
package final class AtomicFile {
  /// Where the contents go until `commit()`.
  package let writer: FileWriter
  /// The hidden name; nil for a device or a pipe.
  private let staged: String?
  private let destination: URL
  private var isFinished = false

  /// Opens the hidden file.
  /// - Throws: `FileError` of the reason `cannotWrite`.
  package init(_ destination: URL) throws(FileError) {
    switch try WritePlace(destination) {
    case .stream(let descriptor):
      (self.destination, staged) = (destination, nil)
      writer = FileWriter(owning: descriptor, name: destination.path)
    case .file(let place):
      var staged: String
      var writer: FileWriter
      repeat {
        staged = Staging.path(for: place)
        writer = try FileWriter(staged, name: destination.path, creating: true)
      } while !Staging.lock(writer.descriptor, path: staged)
      (self.destination, self.staged, self.writer) = (place, staged, writer)
    }
  }

  deinit {
    if !isFinished, let staged { unlink(staged) }
  }

  /// Gives the file its final name.
  /// - Throws: `FileError` of the reason `cannotWrite`; an existing file of that name is then unchanged.
  package func commit() throws(FileError) {
    try writer.synchronize()
    guard let staged else {
      isFinished = true
      return
    }
    guard rename(staged, destination.path) == 0 else {
      throw FileError.cannotWrite(destination.path, errno: errno)
    }
    isFinished = true
    try synchronize(destination.deletingLastPathComponent().path)
  }
}

/// Writes a file so that at any moment, and after any crash, its name holds either the previous contents or all of these
/// bytes.
/// - Throws: `FileError` of the reason `cannotWrite`.
public func writeAtomically(_ bytes: some Sequence<UInt8>, to destination: URL) throws(FileError) {
  let file = try AtomicFile(destination)
  let outcome = bytes.withContiguousStorageIfAvailable { buffer in
    Result { () throws(FileError) in try file.writer.write(UnsafeRawBufferPointer(buffer)) }
  }
  if let outcome { try outcome.get() } else { try file.writer.write(Array(bytes)) }
  try file.commit()
}
