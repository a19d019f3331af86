import Foundation
import Observability
import Preferences
import Tokenization

import struct Observability.Progress

/// A preference file, read and tokenized, with what the user must hear about it.
struct PreparedPairs {
  let file: PreferenceFile
  let tokenized: TokenizedPairs
  let statistics: PairStatistics

  /// Reads and tokenizes over all cores, with a progress line.
  ///
  /// - Parameter now: what chat templates that print the date are told
  init(contentsOf path: String, tokenizer: Tokenizer, folder: URL, options: PairOptions, now: Date = Date()) throws {
    file = try PreferenceFile(contentsOf: URL(fileURLWithPath: path), skipBadLines: options.skipBadLines)
    let configuration = try? TokenizerConfiguration(folder: folder)
    let template: ChatTemplate?
    do {
      template = try ChatTemplate(folder: folder)
    } catch ChatTemplateError.missing {
      template = nil  // Plain text needs none; a conversation without one is refused with its line.
    }
    let pairTokenizer = try PairTokenizer(
      tokenizer: tokenizer, template: template, endOfText: configuration?.eosToken, options: options, now: now)
    let line = ProgressLine()
    tokenized = try pairTokenizer.tokenize(file.pairs) { done, total in
      line.update(Progress(task: "tokenize", done: done, total: total, unit: "pair"))
    }
    line.finish()
    statistics = PairStatistics(pairs: file.pairs, tokenized: tokenized)
  }

  /// The pairs to learn from.
  func usable() throws -> [TokenizedPair] { try tokenized.usable() }

  /// What was read and what was left out, in a few lines.
  func describe(as name: String, path: String) -> String {
    var lines = [
      "\(name): \(path): \(HumanText.grouped(statistics.pairs)) pairs, \(HumanText.grouped(statistics.usablePairs)) to learn from"
    ]
    for (reason, count) in statistics.dropped.sorted(by: { $0.value > $1.value }) {
      lines.append("  dropped \(count): \(reason.rawValue)")
    }
    if !file.badLines.isEmpty {
      lines.append("  skipped \(file.badLines.count) unusable lines, the first at line \(file.badLines[0].line)")
    }
    if statistics.truncatedSides > 0 {
      lines.append("  cut \(statistics.truncatedSides) sides to --max-length \(tokenized.options.maxLength) tokens")
    }
    guard statistics.usablePairs > 0 else { return lines.joined(separator: "\n") }
    lines.append(
      "  \(HumanText.grouped(statistics.usableTreeTokens)) tokens an epoch: "
        + "\(HumanText.fixed(statistics.savingOverPadding, 1))× fewer than padded sides, "
        + "\(HumanText.fixed(statistics.savingOverSides, 1))× fewer than both sides whole")
    return lines.joined(separator: "\n")
  }
}
