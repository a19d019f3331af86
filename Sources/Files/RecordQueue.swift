import Foundation

/// A file of records that is written through a full disk: a record that cannot be written waits in memory, with those after
/// it, and is written in its place as soon as there is room.
///
/// Not `Sendable`: one thread writes.
public final class RecordQueue {
  /// Where the file is.
  public private(set) var file: URL
  /// Why the last attempt failed; nil while all is written.
  public private(set) var problem: FileError?
  private var records: AppendingFile
  private var waiting: [[UInt8]] = []

  /// Opens a file, creating it if necessary.
  ///
  /// - Parameter emptying: whether existing contents are dropped
  /// - Throws: `FileError` of the reason `cannotWrite`.
  public init(_ file: URL, emptying: Bool = false) throws(FileError) {
    self.file = file
    records = try AppendingFile(file, emptying: emptying)
  }

  /// How many records wait.
  public var waitingCount: Int { waiting.count }

  /// Appends a record, now or as soon as it can be written.
  public func append(_ record: [UInt8]) {
    waiting.append(record)
    writeWaiting()
  }

  /// Writes what waits, and waits until the disk has all.
  ///
  /// - Throws: `FileError` of the reason `cannotWrite`.
  public func synchronize() throws(FileError) {
    writeWaiting()
    if let problem { throw problem }
    try records.synchronize()
  }

  /// Goes on in another file, which gets all records so far: also those of a file that was removed.
  ///
  /// - Throws: `FileError` of the reason `cannotWrite`; the old file stays the one that is written.
  public func move(to file: URL) throws(FileError) {
    let earlier = records.contents
    let next = try AppendingFile(file, emptying: true)
    if !earlier.isEmpty { try next.append(earlier) }
    (self.file, records) = (file, next)
    writeWaiting()
  }

  private func writeWaiting() {
    var written = 0
    problem = nil
    while written < waiting.count {
      do {
        try records.append(waiting[written])
      } catch {
        problem = error
        break
      }
      written += 1
    }
    waiting.removeFirst(written)
  }
}
