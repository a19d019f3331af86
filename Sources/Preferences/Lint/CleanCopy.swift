import Files
import Foundation

/// A preference file without some of its pairs: what is kept is kept byte for byte.
public struct CleanCopy {
  private let bytes: Data
  private let kept: [Record]
  private let isArray: Bool

  /// How many pairs are kept.
  public var count: Int { kept.count }

  /// Reads a file, and picks out what is kept. What is no pair is not kept either.
  /// - Parameters:
  ///   - source: the file that the pairs were read from, compressed or not.
  ///   - pairs: its pairs as tokens, all of them, in file order.
  ///   - removed: the places in `pairs` of those to leave out.
  /// - Throws: `PreferenceFileError`.
  public init(of source: URL, pairs: [TokenizedPair], without removed: Set<Int>) throws(PreferenceFileError) {
    let bytes = try PreferenceFile.bytes(of: source)
    let records = bytes.withUnsafeBytes { RecordSplitter.split($0).records }
    isArray = bytes.withUnsafeBytes { bytes in records.first.map { Self.isElement($0, in: bytes) } ?? false }
    self.bytes = bytes
    let isKept = pairs.indices.map { !removed.contains($0) }
    if records.count == pairs.count {
      kept = zip(records, isKept).filter(\.1).map(\.0)
      return
    }
    // Some records are no pairs: those that are, are told by their lines.
    let lines = Dictionary(zip(pairs.map(\.line), isKept)) { one, _ in one }
    guard lines.count == pairs.count, Set(records.map(\.line)).count == records.count else {
      throw .unreadable(
        path: source.path,
        reason: "some of its elements are no pairs, and several stand on one line; write one on each line first.")
    }
    kept = records.filter { lines[$0.line] ?? false }
  }

  /// Writes the copy, complete or not at all; compressed with gzip where its name ends in `.gz`.
  ///
  /// Lines keep their line ends, and elements of a JSON array stand on a line each.
  /// - Throws: `FileError` if it cannot be written, `PreferenceFileError.zlibMissing`.
  public func write(to destination: URL) throws {
    let file = try AtomicFile(destination)
    let output = isArray ? array : lines
    if destination.pathExtension == "gz" {
      try GzipFile.write(output, to: file.writer.descriptor, path: destination.path)
    } else {
      try output.withUnsafeBytes { try file.writer.write($0) }
    }
    try file.commit()
  }

  private var lines: Data {
    bytes.withUnsafeBytes { bytes in
      let mark = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
      var output = Data(bytes[..<mark])
      for record in kept {
        let end = bytes[record.range.upperBound...].firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? bytes.count
        let start = bytes[mark..<record.range.lowerBound].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? mark
        output.append(contentsOf: bytes[start..<end])
      }
      return output
    }
  }

  private var array: Data {
    bytes.withUnsafeBytes { bytes in
      var output = Data("[\n".utf8)
      for (place, record) in kept.enumerated() {
        output.append(contentsOf: bytes[record.range])
        output.append(contentsOf: (place == kept.count - 1 ? "\n" : ",\n").utf8)
      }
      output.append(contentsOf: "]\n".utf8)
      return output
    }
  }

  /// Whether a record is an element of an array, not a line: whether a bracket stands before the first.
  private static func isElement(_ record: Record, in bytes: UnsafeRawBufferPointer) -> Bool {
    bytes[..<record.range.lowerBound].contains(UInt8(ascii: "["))
  }
}
