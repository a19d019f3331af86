import Foundation
import OrderedJSON
import Preferences
import Testing

@Suite("A clean copy keeps the bytes of the pairs that it keeps")
struct CleanCopyTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func copy(
    _ bytes: Data, without removed: Set<Int>, to name: String = "clean.jsonl", skipBadLines: Bool = false
  ) throws -> Data {
    let source = folder.url.appendingPathComponent("source")
    try bytes.write(to: source)
    let file = try PreferenceFile(contentsOf: source, skipBadLines: skipBadLines)
    let tokenized = try byteTokenizer().tokenize(file.pairs)
    let destination = folder.url.appendingPathComponent(name)
    let copy = try CleanCopy(of: source, pairs: tokenized.pairs, without: removed)
    #expect(copy.count == file.pairs.count - removed.count)
    try copy.write(to: destination)
    return try Data(contentsOf: destination)
  }

  private let lines = soundPairs.prefix(4).map { $0.serialized() }

  @Test("Lines keep their spaces, their line ends and the byte order mark; blank lines and bad lines go")
  func textLines() throws {
    let text = "\u{FEFF}  \(lines[0])\r\n\n\(lines[1]) \n{\"chosen\": 1}\n\(lines[2])\n\(lines[3])"
    let clean = try copy(Data(text.utf8), without: [1], skipBadLines: true)
    #expect(clean == Data("\u{FEFF}  \(lines[0])\r\n\(lines[2])\n\(lines[3])".utf8))
  }

  @Test("Elements of an array stay elements of an array, also several on a line")
  func array() throws {
    let clean = try copy(Data("[\(lines[0]), \(lines[1]),\n \(lines[2])]".utf8), without: [0], to: "clean.json")
    #expect(clean == Data("[\n\(lines[1]),\n\(lines[2])\n]\n".utf8))
    #expect(throws: PreferenceFileError.self) {
      try copy(Data("[\(lines[0]), {}, \(lines[2])]".utf8), without: [0], skipBadLines: true)
    }
    let apart = try copy(Data("[\(lines[0]),\n{},\n\(lines[2])]".utf8), without: [0], skipBadLines: true)
    #expect(apart == Data("[\n\(lines[2])\n]\n".utf8))
  }

  @Test("A compressed file is read, and a copy whose name ends in .gz is compressed")
  func compressed() throws {
    let text = Data(lines.map { $0 + "\n" }.joined().utf8)
    let packed = try copy(text, without: [2], to: "clean.jsonl.gz")
    #expect(packed.starts(with: [0x1F, 0x8B]))
    let unpacked = try copy(packed, without: [])
    #expect(unpacked == Data((lines[0] + "\n" + lines[1] + "\n" + lines[3] + "\n").utf8))
    #expect(try shell("gzip -t '\(folder.url.appendingPathComponent("clean.jsonl.gz").path)'"))
  }

  @Test("What was found is no longer there in the copy: no problem is left")
  func cleaned() throws {
    let more: [JSON] = [
      compared("Again?", "Yes.", "Yes."), compared("Tea or coffee?", "Tea, please.", "Coffee, please."),
      compared("Tea or coffee?", "Coffee, please.", "Tea, please."), compared("Say it.", "", "It."),
      soundPairs[2], compared("How much is 3 + 4", "SEVEN", "about 8"),
    ]
    let all = soundPairs + more
    let linted = try Linted(all)
    #expect(Set(linted.report.findings(.problem).map(\.check)).count == 5)
    let clean = try copy(
      Data(all.map { $0.serialized() + "\n" }.joined().utf8), without: Set(linted.report.removablePairs))
    let left = try read(String(decoding: clean, as: UTF8.self)).pairs
    #expect(left.count == soundPairs.count)
    let again = try Linted(
      try String(decoding: clean, as: UTF8.self).split(separator: "\n").map { try JSON(parsing: String($0)) })
    #expect(again.report.findings(.problem).isEmpty)
  }
}
