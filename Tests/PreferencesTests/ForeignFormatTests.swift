import Foundation
import Preferences
import Testing

struct ForeignFormatTests {
  private static let line = #"{"prompt": "你好，", "chosen": "很高兴认识你。", "rejected": "再见。"}"# + "\n"

  /// The same line in GB18030, by Python's `line.encode("gb18030")`.
  private static let gb18030: [UInt8] =
    Array(#"{"prompt": ""#.utf8) + [0xC4, 0xE3, 0xBA, 0xC3, 0xA3, 0xAC] + Array(#"", "chosen": ""#.utf8)
    + [0xBA, 0xDC, 0xB8, 0xDF, 0xD0, 0xCB, 0xC8, 0xCF, 0xCA, 0xB6, 0xC4, 0xE3, 0xA1, 0xA3]
    + Array(#"", "rejected": ""#.utf8) + [0xD4, 0xD9, 0xBC, 0xFB, 0xA1, 0xA3] + Array("\"}\n".utf8)

  private func message(_ bytes: [UInt8], skipBadLines: Bool = false) -> String {
    do {
      _ = try PreferenceFile(bytes: Data(bytes), name: "data/pairs.x", skipBadLines: skipBadLines)
      return "read"
    } catch {
      return "\(error)"
    }
  }

  @Test(
    arguments: [
      (Array("PAR1\u{15}\u{4}".utf8), ["Parquet", "read_parquet('data/pairs.x')", "to_json('pairs.jsonl'"]),
      (Array("ARROW1\0\0".utf8), ["Arrow", "read_feather"]),
      (
        [0xFF, 0xFF, 0xFF, 0xFF, 0x38, 2, 0, 0], ["Arrow stream", "import pyarrow", "ipc.open_stream('data/pairs.x')"]
      ),
      (Array("prompt,chosen,rejected\na,b,c\n".utf8), ["CSV", "read_csv('data/pairs.x')"]),
      (Array("\"id\"\t\"chosen\"\t\"rejected\"\n".utf8), ["tab-separated", "sep='\\t'"]),
      (Array("- chosen: a\n  rejected: b\n".utf8), ["YAML", "safe_load"]),
      (Array("PK\u{3}\u{4}".utf8), ["Excel", "unzip"]),
      (Array("SQLite format 3\0".utf8), ["SQLite", "sqlite3"]),
      (Array("<!DOCTYPE html>\n".utf8), ["web page", "/resolve/"]),
      (Array("version https://git-lfs.github.com/spec/v1\n".utf8), ["Git LFS", "git lfs pull"]),
      ([0x28, 0xB5, 0x2F, 0xFD, 0], ["Zstandard", "zstd -d"]),
      (Array("BZh9".utf8), ["bzip2", "bunzip2"]),
      ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], ["xz", "unxz"]),
    ] as [([UInt8], [String])])
  func `Files of other formats are recognised and answered with what converts them`(bytes: [UInt8], words: [String]) {
    let found = message(bytes)
    for word in words { #expect(found.contains(word), "\(found)") }
  }

  @Test func `Texts in other encodings are recognised and answered with iconv`() throws {
    for (encoding, name) in [
      (String.Encoding.utf16, "-f UTF-16 "), (.utf16LittleEndian, "-f UTF-16LE "), (.utf16BigEndian, "-f UTF-16BE "),
      (.utf32, "-f UTF-32 "),
    ] {
      let found = message(Array(try #require(Self.line.data(using: encoding))))
      #expect(found.contains("iconv \(name)-t UTF-8 'data/pairs.x'"), "\(found)")
    }
    #expect(message(Self.gb18030).contains("GBK"))
    #expect(message(Self.gb18030, skipBadLines: true).contains("iconv -f GB18030 -t UTF-8"))
    let latin = try #require(#"{"prompt": "é", "chosen": "où", "rejected": "là"}"#.data(using: .isoLatin1))
    #expect(message(Array(latin)).contains("WINDOWS-1252"))
  }

  @Test func `A damaged line among good ones is no other encoding`() {
    let mixed = message(Array(Self.line.utf8) + Self.gb18030)
    #expect(mixed.contains("line 2: not valid UTF-8"), "\(mixed)")
    #expect(message(Array(Self.line.utf8)) == "read")
  }
}
