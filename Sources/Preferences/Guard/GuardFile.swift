import Foundation
import OrderedJSON

/// A file of texts on which a model is watched for forgetting: what it should be able to do as well after a training as before.
///
/// Plain text (`.txt`), a text a line; or JSON Lines or a JSON array, also with gzip, of objects with `text`, with `messages`,
/// or with `conversations` (ShareGPT).
struct GuardFile {
  /// A text to be predicted token by token, or a conversation, of which the assistant's turns are.
  enum Content {
    case text(String)
    case conversation([JSON], tools: [JSON]?)
  }

  /// The texts with their lines, counted from 1.
  let texts: [(line: Int, content: Content)]

  /// - Throws: `GuardFileError`; `PreferenceFileError` where a compressed file cannot be unpacked.
  init(contentsOf file: URL) throws {
    let path = file.path
    guard var bytes = FileManager.default.contents(atPath: path) else { throw GuardFileError.missing(path: path) }
    if bytes.starts(with: [0x1F, 0x8B]) { bytes = try GzipFile.contents(path: path) }
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw GuardFileError.unusable(path: path, lines: [BadLine(line: 1, reason: "the file is not UTF-8 text")])
    }
    let isPlain = path.hasSuffix(".txt") || path.hasSuffix(".txt.gz")
    texts = isPlain ? Self.lines(of: bytes) : try Self.records(of: bytes, path: path)
    guard !texts.isEmpty else { throw GuardFileError.empty(path: path) }
  }

  private static func lines(of bytes: Data) -> [(line: Int, content: Content)] {
    bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated().compactMap {
      let text = String(decoding: $1, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
      return text.isEmpty ? nil : ($0 + 1, .text(text))
    }
  }

  private static func records(of bytes: Data, path: String) throws -> [(line: Int, content: Content)] {
    var texts: [(line: Int, content: Content)] = []
    var bad: [BadLine] = []
    bytes.withUnsafeBytes { buffer in
      let (records, broken) = RecordSplitter.split(buffer)
      for record in records {
        do {
          let json = try JSON(parsing: UnsafeRawBufferPointer(rebasing: buffer[record.range]))
          texts.append((record.line, try content(of: json)))
        } catch {
          bad.append(BadLine(line: record.line, reason: "\(error)"))
        }
      }
      if let broken { bad.append(broken) }
    }
    guard bad.isEmpty else { throw GuardFileError.unusable(path: path, lines: bad) }
    return texts
  }

  private static func content(of json: JSON) throws(UnusableRecord) -> Content {
    if let text = json["text"]?.string, !text.isEmpty { return .text(text) }
    for key in ["messages", "conversations"] {
      guard let turns = json[key] else { continue }
      let messages = try Messages.checked(turns, place: key, endsWithAssistant: false)
      guard messages.contains(where: { $0["role"]?.string == "assistant" }) else {
        throw UnusableRecord("\"\(key)\" has no turn of the assistant, whose words are what is measured")
      }
      return .conversation(messages, tools: json["tools"]?.array)
    }
    throw UnusableRecord("expected an object with \"text\", a text, or with \"messages\" or \"conversations\", a list")
  }
}

/// Why a file of texts to be watched could not be used.
public enum GuardFileError: Error, Hashable, Sendable, CustomStringConvertible {
  /// There is no such file, or it cannot be read.
  case missing(path: String)
  /// It holds no text.
  case empty(path: String)
  /// Lines that are no texts.
  case unusable(path: String, lines: [BadLine])
  /// Conversations, and a tokenizer without a chat template.
  case noTemplate(path: String, line: Int)
  /// Nothing is predicted in any of the texts.
  case nothingToMeasure(path: String, maxLength: Int)

  /// Whether the input is absent (exit code 66), as opposed to bad (65).
  public var isMissingInput: Bool { if case .missing = self { true } else { false } }

  /// The file, what is wrong with it, and what to do.
  public var description: String {
    switch self {
    case .missing(let path):
      "--guard-data \(path): no such file. Give a text file (.txt, a text a line), or JSON lines with \"text\" or \"messages\"."
    case .empty(let path): "--guard-data \(path): the file holds no text."
    case .unusable(let path, let lines):
      "--guard-data \(path): \(lines.count == 1 ? "a line is" : "\(lines.count) lines are") not usable:\n"
        + lines.prefix(20).map { "  \($0)" }.joined(separator: "\n")
        + (lines.count > 20 ? "\n  … and \(lines.count - 20) more" : "")
        + "\nA file of plain text, a text a line, must be named .txt."
    case .noTemplate(let path, let line):
      "--guard-data \(path), line \(line): a conversation, but the tokenizer has no chat template to write it with. "
        + "Give plain texts instead: {\"text\": …}."
    case .nothingToMeasure(let path, let maxLength):
      "--guard-data \(path): no text has a token to predict within --max-length \(maxLength) tokens."
    }
  }
}
