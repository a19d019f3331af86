import Files
import Foundation
import OrderedJSON

/// The answers drawn so far, beside the file that they are to become, one line each: what a run that was stopped, or whose
/// scorer failed, need not draw again.
final class AnswerJournal {
  /// The answers of earlier runs with the same inputs.
  let known: [DrawnAnswer]
  /// The path of this process's file.
  var path: String { file.path }
  private let file: AppendingFile

  /// Opens the journal of a rank, and reads those of all ranks that it can see. A journal of other inputs is replaced.
  ///
  /// - Parameters:
  ///   - output: the file that the answers become
  ///   - key: names everything that the answers depend on
  /// - Throws: `FileError` where the folder cannot be written to
  init(besides output: URL, rank: Int, key: String) throws(FileError) {
    let own = Self.location(output, rank: rank)
    let header: JSON = ["key": .string(key)]
    var known: [DrawnAnswer] = []
    var isOwn = false
    for journal in Self.all(besides: output) {
      guard let bytes = FileManager.default.contents(atPath: journal.path) else { continue }
      let lines = bytes.split(separator: UInt8(ascii: "\n"))
      guard let first = lines.first, (try? JSON(parsing: Array(first))) == header else { continue }
      if journal.lastPathComponent == own.lastPathComponent { isOwn = true }
      known += lines.dropFirst().compactMap { line in (try? JSON(parsing: Array(line))).flatMap(DrawnAnswer.init) }
    }
    self.known = known
    file = try AppendingFile(own, emptying: !isOwn)
    if !isOwn { try file.append(Self.line(header)) }
  }

  /// Adds an answer.
  func append(_ answer: DrawnAnswer) throws(FileError) { try file.append(Self.line(answer.json)) }

  /// Removes the journals of all ranks that this process can see: the answers have become pairs.
  static func remove(besides output: URL) {
    for journal in all(besides: output) { try? FileManager.default.removeItem(at: journal) }
  }

  private static func line(_ json: JSON) -> [UInt8] { Array((json.serialized() + "\n").utf8) }

  private static func location(_ output: URL, rank: Int) -> URL {
    output.deletingLastPathComponent().appendingPathComponent("\(output.lastPathComponent).answers-\(rank)")
  }

  private static func all(besides output: URL) -> [URL] {
    let folder = output.deletingLastPathComponent()
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    let prefix = output.lastPathComponent + ".answers-"
    return names.filter { $0.hasPrefix(prefix) && Int($0.dropFirst(prefix.count)) != nil }.sorted()
      .map { folder.appendingPathComponent($0) }
  }
}
