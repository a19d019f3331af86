import Foundation
import OrderedJSON
import Preferences
import Testing

/// Thrown by what must not be called.
struct Unexpected: Error {}

/// A folder of its own for a test, with a preference file and the files of a tokenizer.
final class TemporaryFolder: Sendable {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("token-cache-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url.appendingPathComponent("model"), withIntermediateDirectories: true)
    try write(goodLine + "\n", to: "pairs.jsonl")
    try write("{}", to: "model/tokenizer.json")
    try write(#"{"chat_template": "{{ messages }}"}"#, to: "model/tokenizer_config.json")
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func write(_ text: String, to name: String) throws {
    let file = url.appendingPathComponent(name)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file)
  }

  func cache(limit: Int = 1 << 30) -> TokenCache {
    TokenCache(folder: url.appendingPathComponent("cache"), limit: limit)
  }

  var cacheNames: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: url.appendingPathComponent("cache").path)) ?? []).sorted()
  }

  func key(
    options: PairOptions = PairOptions(), now: Date = Date(timeIntervalSince1970: 1_750_000_000),
    program: String = "this one"
  ) throws -> TokenCacheKey {
    try TokenCacheKey(
      data: url.appendingPathComponent("pairs.jsonl"), tokenizer: url.appendingPathComponent("model"), options: options,
      now: now, program: program)
  }
}

/// Pairs of many kinds as tokens of bytes.
enum CachedPairs {
  static func generated(count: Int = 60, options: PairOptions) throws -> TokenizedFile {
    var lines: [String] = []
    for number in 0..<count {
      let question = ("user", String(repeating: "Why? ", count: number % 5 + 1))
      let chosen = String(repeating: "ä", count: number % 7 + 1)
      let rejected = number % 11 == 0 ? chosen : String(repeating: "no ", count: number % 3 + 1)
      let more = number % 4 == 0 ? [("assistant", "Because."), question] : []
      func side(_ answer: String) -> JSON {
        .array(([question] + more + [("assistant", answer)]).map { ["role": .string($0.0), "content": .string($0.1)] })
      }
      var object: JSON = ["chosen": side(chosen), "rejected": side(rejected)]
      if number % 13 == 5 { object = ["prompt": .string("Say: "), "chosen": .string(chosen), "rejected": "…"] }
      if number % 17 == 3 {
        object = [
          "chosen": side(chosen), "rejected": side(rejected), "chat_template_kwargs": ["refuse": true],
        ]
      }
      if number % 3 == 0, case .object(var members) = object {
        members["score_chosen"] = .number(Double(number) / 8 - 1)
        members["score_rejected"] = .integer(2)
        object = .object(members)
      }
      lines.append(object.serialized())
      if number % 19 == 2 { lines.append("{\"chosen\": 1}") }
    }
    let file = try read(lines.joined(separator: "\n"), skipBadLines: true)
    var options = options
    options.skipBadLines = true
    let tokenized = try byteTokenizer(options: options).tokenize(file.pairs)
    return TokenizedFile(
      tokenized: tokenized, statistics: PairStatistics(pairs: file.pairs, tokenized: tokenized), badLines: file.badLines
    )
  }

  private static func byteTokenizer(options: PairOptions) throws -> PairTokenizer {
    try PreferencesTests.byteTokenizer(Templates.chatML, options)
  }
}

/// Checks that two files say the same of everything.
func expectEqual(_ one: TokenizedFile, _ other: TokenizedFile, sourceLocation: SourceLocation = #_sourceLocation) {
  #expect(one.tokenized.pairs == other.tokenized.pairs, sourceLocation: sourceLocation)
  #expect(one.statistics == other.statistics, sourceLocation: sourceLocation)
  #expect(one.statistics.table == other.statistics.table, sourceLocation: sourceLocation)
  #expect(one.badLines == other.badLines, sourceLocation: sourceLocation)
}

/// Whether a command of the shell succeeds.
func shell(_ command: String) throws -> Bool {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/bin/sh")
  process.arguments = ["-c", command]
  process.standardError = FileHandle.nullDevice
  try process.run()
  process.waitUntilExit()
  return process.terminationStatus == 0
}
