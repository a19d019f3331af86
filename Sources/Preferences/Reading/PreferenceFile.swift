import Foundation
import OrderedJSON

/// The pairs of a preference file, or the texts of a file for supervised fine-tuning.
///
/// The file is JSONL (an object per line) or a JSON array of objects, plain or compressed with gzip; its first bytes
/// decide, not its name. UTF-8 with or without byte order mark; blank lines and CRLF are fine. Every object may be in
/// any of the formats that `PreferenceFormat` knows; a file may mix them.
public struct PreferenceFile: Sendable {
  /// The pairs, in file order; `pairs[i].index == i`.
  public let pairs: [PreferencePair]
  /// The lines that were dropped; empty unless bad lines were to be skipped.
  public let badLines: [BadLine]

  /// Reads and checks a whole file, parsing over all cores.
  /// - Parameters:
  ///   - file: the path of the file.
  ///   - skipBadLines: drop and report lines that are no pairs, instead of refusing the file.
  ///   - applyChatTemplate: read plain-text pairs as conversations of a question and an answer.
  ///   - columns: the keys of the parts of a pair, where these are not the usual ones.
  ///   - limit: how many of the file's first lines are read; nil for all.
  ///   - examples: what a line is.
  /// - Throws: `PreferenceFileError`.
  public init(
    contentsOf file: URL, skipBadLines: Bool = false, applyChatTemplate: Bool = false,
    columns: ColumnNames = ColumnNames(), limit: Int? = nil, examples: ExampleKind = .pairs
  ) throws(PreferenceFileError) {
    try self.init(
      bytes: Self.bytes(of: file), name: file.path, skipBadLines: skipBadLines, applyChatTemplate: applyChatTemplate,
      columns: columns, limit: limit, examples: examples)
  }

  /// Reads the pairs out of bytes that are in memory already.
  /// - Parameters:
  ///   - bytes: JSONL or a JSON array; not compressed.
  ///   - name: what errors call the file.
  ///   - skipBadLines: drop and report lines that are no pairs, instead of refusing the file.
  ///   - applyChatTemplate: read plain-text pairs as conversations of a question and an answer.
  ///   - columns: the keys of the parts of a pair, where these are not the usual ones.
  ///   - limit: how many of the file's first lines are read; nil for all.
  ///   - examples: what a line is.
  /// - Throws: `PreferenceFileError`.
  public init(
    bytes: Data, name: String, skipBadLines: Bool = false, applyChatTemplate: Bool = false,
    columns: ColumnNames = ColumnNames(), limit: Int? = nil, examples: ExampleKind = .pairs
  ) throws(PreferenceFileError) {
    if let format = bytes.withUnsafeBytes({ ForeignFormat(of: $0) }) { throw .foreign(path: name, format) }
    let (all, broken) = bytes.withUnsafeBytes { RecordSplitter.split($0) }
    let records = limit.map { Array(all.prefix($0)) } ?? all
    // What is wrong with the end of an array does not concern those who read its beginning.
    let brokenLine = records.count < all.count ? nil : broken
    let parsed = bytes.withUnsafeBytes { buffer in
      // The buffer is read only, and outlives the call.
      nonisolated(unsafe) let buffer = buffer
      return parallelMap(count: records.count) { index in
        Self.pair(of: records[index], in: buffer, applyChatTemplate: applyChatTemplate, columns: columns, examples)
      }
    }

    var pairs: [PreferencePair] = []
    var badLines: [BadLine] = []
    for result in parsed {
      switch result {
      case .success(var pair):
        pair.index = pairs.count
        pairs.append(pair)
      case .failure(let badLine):
        badLines.append(badLine)
      }
    }
    if let brokenLine { badLines.append(brokenLine) }

    if !badLines.isEmpty, let encoding = bytes.withUnsafeBytes({ ForeignFormat(encodingOf: $0) }) {
      throw .foreign(path: name, encoding)
    }
    if pairs.isEmpty && badLines.isEmpty { throw .empty(path: name, examples) }
    if !badLines.isEmpty && !skipBadLines {
      throw .badLines(path: name, lines: badLines, total: pairs.count + badLines.count)
    }
    if pairs.isEmpty { throw .onlyBadLines(path: name, lines: badLines, examples) }
    self.pairs = pairs
    self.badLines = badLines
  }

  private static func pair(
    of record: Record, in buffer: UnsafeRawBufferPointer, applyChatTemplate: Bool, columns: ColumnNames,
    _ examples: ExampleKind
  ) -> Result<PreferencePair, BadLine> {
    let bytes = UnsafeRawBufferPointer(rebasing: buffer[record.range])
    do {
      let json = try JSON(parsing: bytes)
      var pair: PreferencePair
      switch examples {
      case .texts: pair = try TextFormat.text(of: json, applyChatTemplate: applyChatTemplate, columns: columns)
      case .pairs, .chosenTexts:
        pair = try PreferenceFormat.pair(of: json, applyChatTemplate: applyChatTemplate, columns: columns)
        if examples == .chosenTexts { pair = pair.chosenText }
      }
      pair.line = record.line
      return .success(pair)
    } catch let error as JSONError {
      let isText = String(validating: bytes, as: UTF8.self) != nil
      let reason = isText ? "not JSON" : "not valid UTF-8"
      return .failure(
        BadLine(line: record.line + error.line - 1, reason: "\(reason): column \(error.column): \(error.message)"))
    } catch {
      return .failure(BadLine(line: record.line, reason: "\(error)"))
    }
  }

  /// The bytes of a file, unpacked where they are compressed, else mapped into memory.
  static func bytes(of file: URL) throws(PreferenceFileError) -> Data {
    let path = file.path
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { throw .missing(path: path) }
    if isFolder.boolValue { throw .unreadable(path: path, reason: "it is a folder; a file was expected.") }
    let bytes: Data
    do {
      bytes = try Data(contentsOf: file, options: .mappedIfSafe)
    } catch {
      throw .unreadable(path: path, reason: "\(error.localizedDescription)")
    }
    return bytes.starts(with: [0x1F, 0x8B]) ? try GzipFile.contents(path: path) : bytes
  }
}
