import Foundation

/// A file that appears under its name complete or not at all: it is written under a hidden name beside it, brought to
/// the disk, and renamed. Until then whatever had the name before stays.
final class AtomicFile {
  let writer: FileWriter
  private let staged: String
  private let destination: URL
  private var isFinished = false

  init(_ destination: URL) throws {
    self.destination = destination
    var staged: String
    var writer: FileWriter
    repeat {
      staged = Staging.path(for: destination)
      writer = try FileWriter(staged, name: destination.path, creating: true)
    } while !Staging.lock(writer.descriptor, path: staged)
    (self.staged, self.writer) = (staged, writer)
  }

  deinit {
    if !isFinished { unlink(staged) }
  }

  /// Gives the file its name.
  func commit() throws {
    try writer.synchronize()
    guard rename(staged, destination.path) == 0 else {
      throw CheckpointError.cannotWrite(destination.path, errno: errno)
    }
    isFinished = true
    try synchronize(destination.deletingLastPathComponent().path)
  }
}

/// Writes a file so that under its name there is, at any moment and after any crash, either what was there before or all
/// of these bytes.
/// - Throws: `CheckpointError` of the reason `cannotWrite`.
public func writeAtomically(_ bytes: some Sequence<UInt8>, to destination: URL) throws {
  let file = try AtomicFile(destination)
  try file.writer.write(Array(bytes))
  try file.commit()
}
