import Foundation
import OrderedJSON
import Preferences
import Testing

struct PreferenceFileTests {
  @Test func `Lines are counted from 1 and pairs from 0, with blank lines, CRLF and a byte order mark`() throws {
    let file = try read("\u{FEFF}" + goodLine + "\r\n\r\n   \n" + goodLine + "\n" + goodLine)
    #expect(file.pairs.map(\.index) == [0, 1, 2])
    #expect(file.pairs.map(\.line) == [1, 4, 5])
    #expect(file.badLines.isEmpty)
  }

  @Test func `A JSON array gives the same pairs, each with the line on which it starts`() throws {
    let file = try read("[\n  \(goodLine),\n\n  \(goodLine)\n, \(goodLine)]\n")
    #expect(file.pairs.map(\.line) == [2, 4, 5])
    #expect(file.pairs.map(\.content) == Array(repeating: try read(goodLine).pairs[0].content, count: 3))
  }

  @Test func `Brackets, quotes and commas inside strings do not cut an array`() throws {
    let tricky: JSON = [
      "chosen": conversation(("user", #"],["{\"#), ("assistant", "a,]")),
      "rejected": conversation(("user", #"],["{\"#), ("assistant", #"\"}"#)),
    ]
    let file = try read(JSON.array([tricky, tricky]).serialized(.pretty))
    #expect(file.pairs.count == 2)
    #expect(file.pairs[0].line == 2)
    #expect(file.pairs[1].content == (try pair(tricky)).content)
  }

  @Test func `Many lines come back in order`() throws {
    let lines = (0..<1000).map { number -> String in
      let object: JSON = ["prompt": "\(number)?", "chosen": "yes", "rejected": "no"]
      return object.serialized()
    }
    let file = try read(lines.joined(separator: "\n"))
    #expect(
      file.pairs.map(\.content) == (0..<1000).map { .text(prompt: "\($0)?", chosen: "yes", rejected: "no") })
  }

  @Test(arguments: ["", "\n \n", "[]", " [ ] \n", "\u{FEFF}"]) func `A file without pairs is an error`(text: String) {
    #expect(throws: PreferenceFileError.empty(path: "pairs.jsonl")) { try read(text) }
  }

  @Test func `A missing file and a folder are missing input, bad lines are bad data`() throws {
    let folder = FileManager.default.temporaryDirectory
    let missing = folder.appendingPathComponent("no-such-file-\(UUID().uuidString).jsonl")
    #expect(throws: PreferenceFileError.missing(path: missing.path)) { try PreferenceFile(contentsOf: missing) }
    do {
      _ = try PreferenceFile(contentsOf: folder)
      Issue.record("a folder was read")
    } catch {
      #expect(error.isMissingInput)
      #expect(error.description.contains("it is a folder"))
    }
    #expect(PreferenceFileError.missing(path: "x").isMissingInput)
    #expect(!PreferenceFileError.empty(path: "x").isMissingInput)
    #expect(!PreferenceFileError.badLines(path: "x", lines: [], total: 1).isMissingInput)
    #expect(PreferenceFileError.zlibMissing(path: "x", reason: "y").isUnavailable)
  }

  @Test func `Bad lines are all listed, and dropped where that is asked for`() throws {
    let text = [goodLine, "{", goodLine, "3", "", goodLine].joined(separator: "\n")
    #expect(badLines(text).map(\.line) == [2, 4])
    let file = try read(text, skipBadLines: true)
    #expect(file.pairs.map(\.line) == [1, 3, 6])
    #expect(file.pairs.map(\.index) == [0, 1, 2])
    #expect(file.badLines.map(\.line) == [2, 4])
    #expect(throws: PreferenceFileError.self) { try read("{\n3\n", skipBadLines: true) }
  }

  @Test func `The message lists the first 20 bad lines and the count`() {
    let text = Array(repeating: "{}", count: 30).joined(separator: "\n") + "\n" + goodLine
    #expect {
      try read(text)
    } throws: { error in
      let lines = "\(error)".split(separator: "\n")
      return lines[0] == "pairs.jsonl: 30 of 31 lines are not usable:"
        && lines[1].hasPrefix("  line 1: no \"chosen\"; the keys are none.")
        && lines[20].hasPrefix("  line 20: ") && lines[21] == "  … and 10 more"
        && lines[22] == "Correct them, or drop them with --skip-bad-lines."
    }
  }
}

/// The compressed fixture holds three MiniMind pairs; it was made with `gzip.compress(lines, mtime=0)` in Python.
struct GzipTests {
  static let compressed =
    Data(
      base64Encoded:
        "H4sIAAAAAAACA63OPQqAMAwF4N1TlMwOtqNXEYdagz9Ig02dine3uohbCm7h5fH4EriZGD20qksQaMN8wcEYoFbgyEf08Y72Bs5avRXL"
        + "vHC0+fntTURjrvY5Dbiiizj+tj3YZ/qsklit5WpdqtZitS5UG7nalKqNWG0e9QVrWeGNIgIAAA==") ?? Data()

  @discardableResult private func reading<T>(_ bytes: Data, _ body: (URL) throws -> T) throws -> T {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("pairs-\(UUID().uuidString).jsonl.gz")
    try bytes.write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    return try body(file)
  }

  @Test func `A compressed file is unpacked, of one member or several`() throws {
    #expect(try reading(Self.compressed) { try PreferenceFile(contentsOf: $0).pairs.count } == 3)
    #expect(try reading(Self.compressed + Self.compressed) { try PreferenceFile(contentsOf: $0).pairs.count } == 6)
  }

  @Test func `A file that is only named .gz is read as it is`() throws {
    #expect(try reading(Data(goodLine.utf8)) { try PreferenceFile(contentsOf: $0).pairs.count } == 1)
  }

  @Test(arguments: [60, 125]) func `A cut-off compressed file is bad data`(length: Int) throws {
    try reading(Self.compressed.prefix(length)) { file in
      #expect {
        try PreferenceFile(contentsOf: file)
      } throws: { error in
        guard case .damagedGzip = error as? PreferenceFileError else { return false }
        return "\(error)".contains(file.path)
      }
    }
  }

  @Test func `A damaged compressed file is bad data`() throws {
    var damaged = Self.compressed
    damaged[70] ^= 0xFF
    try reading(damaged) { file in
      #expect {
        try PreferenceFile(contentsOf: file)
      } throws: {
        if case .damagedGzip = $0 as? PreferenceFileError { true } else { false }
      }
    }
  }
}
