/// Why a preference file could not be read.
public enum PreferenceFileError: Error, Hashable, Sendable, CustomStringConvertible {
  /// There is no such file.
  case missing(path: String)
  /// There is something, but it cannot be read: a folder, or a file without permission.
  case unreadable(path: String, reason: String)
  /// The file is of a format, or in an encoding, that is not read.
  case foreign(path: String, ForeignFormat)
  /// The file holds no record at all.
  case empty(path: String, ExampleKind = .pairs)
  /// Lines that are no pairs: all of them, in order.
  case badLines(path: String, lines: [BadLine], total: Int)
  /// Bad lines were to be skipped, and nothing else was there.
  case onlyBadLines(path: String, lines: [BadLine], ExampleKind = .pairs)
  /// A compressed file that is damaged or cut off.
  case damagedGzip(path: String, reason: String)
  /// A compressed file that unpacks to far more than text does.
  case gzipBomb(path: String, size: Int, limit: Int)
  /// A compressed file, and no zlib on this machine.
  case zlibMissing(path: String, reason: String)

  /// Whether the input is absent or unreadable (exit code 66), as opposed to bad (65).
  public var isMissingInput: Bool {
    switch self {
    case .missing, .unreadable: true
    default: false
    }
  }

  /// Whether the machine lacks what is needed to read the file (exit code 69).
  public var isUnavailable: Bool {
    if case .zlibMissing = self { true } else { false }
  }

  /// The file, what is wrong with it, and what to do; of bad lines the first 20.
  public var description: String {
    switch self {
    case .missing(let path):
      "\(path): no such file. Give the path of a data file (JSONL, a JSON array, or either with .gz)."
    case .unreadable(let path, let reason):
      "\(path): cannot be read: \(reason)"
    case .foreign(let path, let format):
      "\(path): \(format.name), not JSON lines in UTF-8. \(format.remedy(path: path))"
    case .empty(let path, .texts):
      "\(path): the file holds no texts. Expected a JSON object per line: \(TextFormat.known)."
    case .empty(let path, _):
      "\(path): the file holds no preference pairs. Expected a JSON object with \"chosen\" and \"rejected\" per line."
    case .badLines(let path, let lines, let total):
      "\(path): \(lines.count) of \(total) lines \(lines.count == 1 ? "is" : "are") not usable:\n"
        + Self.list(lines)
        + "\nCorrect them, or drop them with --skip-bad-lines."
    case .onlyBadLines(let path, let lines, let examples):
      "\(path): none of its \(lines.count) lines is a usable \(examples == .texts ? "text" : "preference pair"):\n"
        + Self.list(lines)
    case .damagedGzip(let path, let reason):
      "\(path): the compressed file is damaged or cut off (\(reason)). Fetch it again; `gzip -t` checks it."
    case .gzipBomb(let path, let size, let limit):
      "\(path): its \(size) bytes unpack to more than \(limit), as text does not. If the data is right, unpack the file "
        + "with gunzip first and name the result: plain files may be of any size."
    case .zlibMissing(let path, let reason):
      "\(path): reading compressed files needs zlib, which could not be loaded (\(reason)). "
        + "Install it (Debian, Ubuntu: zlib1g), or unpack the file with gunzip first."
    }
  }

  private static func list(_ lines: [BadLine]) -> String {
    let shown = lines.prefix(20).map { "  \($0)" }
    let more = lines.count > 20 ? ["  … and \(lines.count - 20) more"] : []
    return (shown + more).joined(separator: "\n")
  }
}
