import Foundation
import Jinja
import OrderedJSON
import Tokenization

/// What the tokens of a preference file depend on, all of it, by content: two runs with the same key get the same tokens,
/// whatever their files are called and whenever these were written.
public struct TokenCacheKey: Hashable, Sendable {
  let digest: TokenCacheDigest

  /// The key of a file's tokens. Every byte of the file is read, over all cores.
  /// - Parameters:
  ///   - data: the preference file.
  ///   - tokenizer: the folder with `tokenizer.json` and the chat template.
  ///   - options: how pairs are treated.
  ///   - now: what templates that print the date are told; it counts only as far as the template prints it.
  ///   - program: what tells this program from another that might make other tokens of the same files.
  /// - Throws: what stands in the way of reading the files.
  public init(data: URL, tokenizer: URL, options: PairOptions, now: Date, program: String) throws {
    var lines = ["tokens \(TokenCacheFile.formatVersion)", "program \(program)", "options \(Self.text(of: options))"]
    lines.append("data \(try Self.digest(of: data).text)")
    for file in Self.files(of: tokenizer) {
      lines.append("\(file.lastPathComponent) \(try Self.digest(of: file).text)")
    }
    lines.append("date \(try Self.date(now, for: tokenizer))")
    digest = TokenCacheDigest(of: Data(lines.joined(separator: "\n").utf8))
  }

  /// All options by name, those that are added later too. A seed that decides nothing does not count.
  private static func text(of options: PairOptions) -> String {
    var options = options
    if options.emptyThink != .random { options.seed = 0 }
    return "\(options)"
  }

  private static func digest(of file: URL) throws -> TokenCacheDigest {
    TokenCacheDigest(of: try Data(contentsOf: file, options: .mappedIfSafe))
  }

  /// The files that `Tokenizer`, `ChatTemplate` and `TokenizerConfiguration` read, those that are there.
  private static func files(of tokenizer: URL) -> [URL] {
    let named = [
      "tokenizer.json", TokenizerConfiguration.fileName, "special_tokens_map.json", "added_tokens.json",
      "chat_template.jinja",
    ]
    let others = tokenizer.appendingPathComponent("additional_chat_templates")
    let more = (try? FileManager.default.contentsOfDirectory(atPath: others.path)) ?? []
    return
      (named.map(tokenizer.appendingPathComponent)
      + more.sorted().filter { $0.hasSuffix(".jinja") }.map(others.appendingPathComponent))
      .filter { FileManager.default.fileExists(atPath: $0.path) }
  }

  // MARK: The date

  private static let clock = "strftime_now"

  /// The date as the template prints it; nothing where it prints none.
  private static func date(_ now: Date, for tokenizer: URL) throws -> String {
    guard let source = try? ChatTemplate(folder: tokenizer).source, source.contains(clock) else { return "" }
    guard let calls = clockCalls(in: source) else { return "\(now.timeIntervalSince1970.rounded(.down))" }
    return try calls.map { try Template("{{ \($0) }}").render([:], now: now) }.joined(separator: "\n")
  }

  /// Every `strftime_now('…')` of a template, whose formats tell what of the date it prints; nil where a format is not
  /// a literal. `strftime_now is defined` is no use of the date.
  static func clockCalls(in source: String) -> [String]? {
    var calls: [String] = []
    for rest in source.components(separatedBy: clock).dropFirst() {
      let next = rest.drop(while: \.isWhitespace)
      if next.hasPrefix("is ") { continue }
      guard let literal = next.firstMatch(of: /^\(\s*("[^"\\]*"|'[^'\\]*')\s*\)/) else { return nil }
      calls.append("\(clock)(\(literal.1))")
    }
    return calls
  }
}
