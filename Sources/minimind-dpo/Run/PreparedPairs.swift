import Foundation
import Launcher
import Logging
import Observability
import Preferences
import Synchronization
import Tokenization

import struct Observability.Progress

/// A preference file, read and tokenized, with what the user must hear about it.
struct PreparedPairs {
  private let file: TokenizedFile
  private static let logger = Logger(label: "tokens")

  var tokenized: TokenizedPairs { file.tokenized }
  var statistics: PairStatistics { file.statistics }
  var badLines: [BadLine] { file.badLines }
  /// What the linter found, without what takes a second file.
  var lint: LintReport { file.lint }

  /// Takes the tokens out of the cache, or else reads and tokenizes over all cores, with a progress line.
  ///
  /// - Parameters:
  ///   - tokenizer: asked for only where there is something to tokenize
  ///   - cache: nil keeps nothing
  ///   - now: what chat templates that print the date are told
  init(
    contentsOf path: String, tokenizer: @autoclosure () throws -> Tokenizer, folder: URL, options: PairOptions,
    cache: TokenCache?, now: Date = Date()
  ) throws {
    let data = URL(fileURLWithPath: path)
    func make() throws -> TokenizedFile {
      try Self.tokenize(data, with: tokenizer(), folder: folder, options: options, now: now)
    }
    guard let cache else {
      file = try make()
      return
    }
    file = try cache.file(
      for: {
        try TokenCacheKey(data: data, tokenizer: folder, options: options, now: now, program: Program.identity)
      }, options: options, report: Self.report, make: make)
  }

  private static func tokenize(
    _ data: URL, with tokenizer: Tokenizer, folder: URL, options: PairOptions, now: Date
  ) throws -> TokenizedFile {
    let file = try PreferenceFile(
      contentsOf: data, skipBadLines: options.skipBadLines, applyChatTemplate: options.applyChatTemplate,
      columns: options.columns, limit: options.maxSamples,
      examples: options.examples)
    let configuration = try? TokenizerConfiguration(folder: folder)
    let template: ChatTemplate?
    do {
      template = try ChatTemplate(folder: folder)
    } catch ChatTemplateError.missing {
      template = nil  // Plain text needs none; a conversation without one is refused with its line.
    }
    let pairTokenizer = try PairTokenizer(
      tokenizer: tokenizer, template: template, startOfText: configuration?.bosToken,
      endOfText: configuration?.eosToken, options: options, now: now)
    let line = ProgressLine()
    let count = Mutex(0)
    let tokenized = try LongWait.reported(
      { seconds in
        if Console.standardError.isInteractive { return }
        let (done, total) = (HumanText.grouped(count.withLock { $0 }), HumanText.grouped(file.pairs.count))
        logger.info(
          Phrase(
            en: "tokenizing: \(done) of \(total) \(options.examples.noun)s, \(seconds) s so far",
            zh: "分词：\(done) / \(total) \(TrainingWords.unit(options.examples))，已用 \(seconds) 秒"))
      },
      during: {
        try pairTokenizer.tokenize(file.pairs) { done, total in
          count.withLock { $0 = done }
          line.update(Progress(task: "tokenize", done: done, total: total, unit: options.examples.noun))
        }
      })
    line.finish()
    return TokenizedFile(
      tokenized: tokenized,
      statistics: PairStatistics(pairs: file.pairs, tokenized: tokenized, hasChatTemplate: template != nil),
      // What it looks for is wrong with two answers, not with one.
      lint: options.examples.areTexts
        ? LintReport()
        : LintReport(pairs: file.pairs, tokenized: tokenized, specialTokens: SpecialTokens(of: tokenizer)),
      badLines: file.badLines)
  }

  private static func report(_ event: TokenCache.Event) {
    switch event {
    case .waiting(let seconds, let holder):
      // One process of each host says it; it waits, or it is the one that tokenizes and shows its progress.
      let speaks = ThisProcess.environment?.localRank ?? 0 == 0
      let words = Phrase(
        en: "waiting for \(holder), which tokenizes the same pairs, \(seconds) s so far",
        zh: "等待 \(holder)，它正在给同样的偏好对分词，已 \(seconds) 秒")
      logger.log(level: speaks ? .notice : .info, "\(words.text)")
    case .damaged(let file, let reason):
      logger.warning(
        Phrase(
          en: "\(file) is not used: \(reason); it was removed, and the pairs are tokenized again",
          zh: "不使用 \(file)：\(reason)；已删除，重新分词"))
    case .notKept(let reason):
      logger.info(
        Phrase(en: "the tokens are not kept for the next start: \(reason)", zh: "分词结果不留给下次启动：\(reason)"))
    case .kept(let file, let bytes): logger.debug("kept \(HumanText.bytes(bytes)) of tokens in \(file)")
    case .found(let file): logger.debug("tokens from \(file)")
    }
  }

  /// The pairs to learn from.
  func usable() throws -> [TokenizedPair] { try tokenized.usable() }

  /// What was read and what was left out, in a few lines.
  ///
  /// - Parameter isHeldOut: whether they are measured and not learned from
  func describe(as name: Phrase, path: String, isHeldOut: Bool = false) -> String {
    let examples = tokenized.options.examples
    var lines = [
      TrainingWords.file(
        name, path, read: statistics.pairs, usable: statistics.usablePairs, isHeldOut: isHeldOut, examples
      ).text
    ]
    for (reason, count) in statistics.dropped.sorted(by: { $0.value > $1.value }) {
      lines.append("  " + TrainingWords.dropped(count, reason).text)
    }
    if !badLines.isEmpty { lines.append("  " + TrainingWords.skipped(badLines.count, firstAt: badLines[0].line).text) }
    if statistics.truncatedSides > 0 {
      lines.append("  " + TrainingWords.cut(statistics.truncatedSides, to: tokenized.options.maxLength, examples).text)
    }
    lines += statistics.remarksInWords.map { "  \($0)" }
    if let found = LintPrinter(report: lint, path: path).line { lines.append("  \(found)") }
    guard statistics.usablePairs > 0 else { return lines.joined(separator: "\n") }
    guard !examples.areTexts else {
      let (all, targets) = (statistics.usableTreeTokens, HumanText.grouped(statistics.targetTokens))
      let saving = HumanText.fixed(statistics.savingOverPadding, 1)
      lines.append(
        "  "
          + Phrase(
            en:
              "\(HumanText.counted(all, "token")) an epoch, \(targets) of them to learn; \(saving)× fewer than padded texts",
            zh: "每轮 \(HumanText.grouped(all)) 个 token，其中 \(targets) 个要学；填充的文本需要 \(saving) 倍"
          ).text)
      return lines.joined(separator: "\n")
    }
    lines.append(
      "  "
        + TrainingWords.tokens(
          statistics.usableTreeTokens, overPadding: statistics.savingOverPadding, overSides: statistics.savingOverSides
        ).text)
    return lines.joined(separator: "\n")
  }
}
