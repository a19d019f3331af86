import Checkpoints
import Files
import Foundation

/// All that a checkpoint is to hold, as it was after a step. It shares the memory of the trainer: either it is written before
/// the next step, or it is copied, and the copy written while training goes on.
public struct CheckpointContents {
  /// The step.
  public let step: Int
  var drafts: [FileDraft]

  /// The bytes of its files, without their headers.
  public var byteCount: Int { drafts.reduce(0) { $0 + $1.byteCount } }

  /// Writes the checkpoint. It is there complete or not at all.
  ///
  /// - Throws: `FileError` when it cannot be written, `TorchError`.
  public func write(to folder: URL) throws {
    try AtomicDirectory.write(to: folder, replacing: true) { try drafts.write(to: $0) }
  }

  /// The same in memory of its own.
  ///
  /// - Returns: nil where there is no memory for it
  /// - Throws: `TorchError` when tensors cannot be copied from their device.
  public func copy() throws -> CheckpointCopy? {
    var files: [CheckpointCopy.File] = []
    for draft in drafts {
      guard let (name, bytes) = try draft.encoded() else { return nil }
      files.append(.init(name: name, bytes: bytes))
    }
    return CheckpointCopy(step: step, files: files)
  }
}

/// A checkpoint in memory, which any thread may write.
public struct CheckpointCopy: Sendable {
  struct File: Sendable {
    let name: String
    let bytes: Data
  }

  /// After which step it was taken.
  public let step: Int
  let files: [File]

  /// Writes the checkpoint, and compares what was written with the memory. It is there complete or not at all.
  ///
  /// - Throws: `FileError` when it cannot be written.
  public func write(to folder: URL) throws {
    try AtomicDirectory.write(to: folder, replacing: true) { staging in
      for file in files {
        let place = staging.appendingPathComponent(file.name)
        try writeAtomically(file.bytes, to: place)
        guard (try? Data(contentsOf: place, options: .alwaysMapped)) == file.bytes else {
          throw FileError(
            .cannotWrite(.invalidContents), file: folder.appendingPathComponent(file.name).path,
            "reads back differently than it was written", remedy: "check the disk")
        }
      }
    }
  }
}
