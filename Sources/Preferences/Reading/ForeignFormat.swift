/// Formats and encodings that people have preference data in and that are not read, told by a file's bytes, each with
/// the command that converts it.
public enum ForeignFormat: Hashable, Sendable {
  case parquet, arrow, arrowStream, csv(separator: String), yaml, excelOrZip, sqlite, webPage, gitLFSPointer
  case zstandard, bzip2, xz
  case utf16(encoding: String), utf32, gb18030, windows1252

  /// The format by the first bytes of a file; nil if these may be JSON in UTF-8 or an encoding without a mark.
  init?(of bytes: UnsafeRawBufferPointer) {
    func begins(_ magic: [UInt8]) -> Bool { bytes.starts(with: magic) }
    func begins(_ text: String) -> Bool { bytes.starts(with: text.utf8) }
    if begins("PAR1") {
      self = .parquet
    } else if begins("ARROW1") {
      self = .arrow
    } else if begins([0xFF, 0xFF, 0xFF, 0xFF]) {
      self = .arrowStream
    } else if begins("PK\u{3}\u{4}") {
      self = .excelOrZip
    } else if begins("SQLite format 3\0") {
      self = .sqlite
    } else if begins([0x28, 0xB5, 0x2F, 0xFD]) {
      self = .zstandard
    } else if begins("BZh") {
      self = .bzip2
    } else if begins([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]) {
      self = .xz
    } else if begins("version https://git-lfs") {
      self = .gitLFSPointer
    } else if begins([0xFF, 0xFE, 0, 0]) || begins([0, 0, 0xFE, 0xFF]) {
      self = .utf32
    } else if begins([0xFF, 0xFE]) || begins([0xFE, 0xFF]) {
      self = .utf16(encoding: "UTF-16")
    } else if bytes.count >= 2, (bytes[0] == 0) != (bytes[1] == 0) {  // no mark; JSON begins with an ASCII character
      self = .utf16(encoding: bytes[0] == 0 ? "UTF-16BE" : "UTF-16LE")
    } else if let format = Self.textFormat(bytes) {
      self = format
    } else {
      return nil
    }
  }

  /// Formats that are text, by the first line.
  private static func textFormat(_ bytes: UnsafeRawBufferPointer) -> ForeignFormat? {
    let start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    let line = String(decoding: bytes[start...].prefix(4096).prefix { $0 != 0x0A }, as: UTF8.self).lowercased()
    let first = line.drop(while: \.isWhitespace)
    if first.hasPrefix("{") || first.hasPrefix("[") { return nil }
    if first.hasPrefix("<!doctype") || first.hasPrefix("<html") || first.hasPrefix("<?xml") { return .webPage }
    for separator in [",", "\t", ";"] where line.contains(separator) {
      let names = line.split(separator: Character(separator)).map {
        $0.trimmingPrefix { !$0.isLetter }.prefix { $0.isLetter }
      }
      if names.contains("chosen") || names.contains("rejected") { return .csv(separator: separator) }
    }
    let key = first.drop { $0 == "-" || $0 == " " }
    if ["chosen:", "rejected:", "prompt:"].contains(where: key.hasPrefix) || first.hasPrefix("---") { return .yaml }
    return nil
  }

  /// The encoding of a text that is not UTF-8; nil if it has characters in UTF-8, or looks like none that is known.
  ///
  /// In GB18030 nearly all characters are two bytes of which both are above 0x7F; in western European text such bytes
  /// stand alone between letters.
  init?(encodingOf bytes: UnsafeRawBufferPointer) {
    var pairs = 0
    var single = 0
    var position = 0
    while position < bytes.count {
      let byte = bytes[position]
      let next = position + 1 < bytes.count ? bytes[position + 1] : 0
      if byte < 0x80 {
        position += 1
        continue
      }
      if byte == 0x80 || byte == 0xFF { return nil }
      if next >= 0x80, next != 0xFF {
        pairs += 1
        position += 2
      } else {
        single += 1
        position += 1
      }
    }
    guard pairs + single > 0, String(validating: bytes, as: UTF8.self) == nil, !Self.hasUTF8Line(bytes) else {
      return nil
    }
    self = pairs >= single ? .gb18030 : .windows1252
  }

  /// Whether some line is UTF-8 beyond ASCII, so that the others are damaged rather than in another encoding.
  private static func hasUTF8Line(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.split(separator: 0x0A).contains { line in
      line.contains { $0 >= 0x80 } && String(validating: line, as: UTF8.self) != nil
    }
  }

  /// What the file is.
  var name: String {
    switch self {
    case .parquet: "this is a Parquet file"
    case .arrow: "this is an Arrow file"
    case .arrowStream: "this is an Arrow stream, as `datasets` keeps it"
    case .csv(let separator): separator == "\t" ? "these are tab-separated values" : "this is a CSV file"
    case .yaml: "this is YAML"
    case .excelOrZip: "this is an Excel workbook or a ZIP archive"
    case .sqlite: "this is an SQLite database"
    case .webPage: "this is a web page or XML"
    case .gitLFSPointer: "this is a Git LFS pointer, a stand-in for the file itself"
    case .zstandard: "this file is compressed with Zstandard"
    case .bzip2: "this file is compressed with bzip2"
    case .xz: "this file is compressed with xz"
    case .utf16: "this text is in UTF-16"
    case .utf32: "this text is in UTF-32"
    case .gb18030: "this text seems to be in GBK (GB18030)"
    case .windows1252: "this text seems to be in Windows-1252 (Latin-1)"
    }
  }

  /// What to do about it, in a sentence.
  func remedy(path: String) -> String {
    let stem = path.split(separator: "/").last.map { $0.split(separator: ".").first.map(String.init) ?? String($0) }
    let output = "\(stem ?? "pairs").jsonl"
    func converted(_ read: String, by module: String) -> String {
      "Convert it: python3 -c \"import \(module); \(module).\(read).to_json('\(output)', orient='records', lines=True, "
        + "force_ascii=False)\""
    }
    func pandas(_ read: String) -> String { converted(read, by: "pandas") }
    func iconv(_ encoding: String) -> String {
      "Convert it: iconv -f \(encoding) -t UTF-8 '\(path)' > \(stem ?? "pairs").utf8.jsonl"
    }
    switch self {
    case .parquet: return pandas("read_parquet('\(path)')")
    case .arrow: return pandas("read_feather('\(path)')")
    case .arrowStream: return converted("ipc.open_stream('\(path)').read_pandas()", by: "pyarrow")
    case .csv(let separator):
      return pandas(
        separator == "," ? "read_csv('\(path)')" : "read_csv('\(path)', sep='\(separator == "\t" ? "\\t" : separator)')"
      )
    case .yaml:
      return
        "Convert it: python3 -c \"import json, yaml; [print(json.dumps(x, ensure_ascii=False)) for x in "
        + "yaml.safe_load(open('\(path)'))]\" > \(output)"
    case .excelOrZip: return "Unpack it with unzip, or save the sheet as JSON lines."
    case .sqlite: return "Export the table: sqlite3 -json '\(path)' 'SELECT * FROM pairs' > \(stem ?? "pairs").json"
    case .webPage: return "Fetch the file itself: on Hugging Face its address holds /resolve/, not /blob/."
    case .gitLFSPointer: return "Fetch the file itself: git lfs pull"
    case .zstandard: return "Unpack it: zstd -d '\(path)'"
    case .bzip2: return "Unpack it: bunzip2 '\(path)'"
    case .xz: return "Unpack it: unxz '\(path)'"
    case .utf16(let encoding): return iconv(encoding)
    case .utf32: return iconv("UTF-32")
    case .gb18030: return iconv("GB18030")
    case .windows1252: return iconv("WINDOWS-1252")
    }
  }
}
