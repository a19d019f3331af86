import Foundation
import OrderedJSON

extension PairStatistics {
  /// The numbers as an object, for programs.
  public var json: JSON {
    [
      "pairs": .integer(pairs),
      "usable_pairs": .integer(usablePairs),
      "dropped_pairs": .integer(pairs - usablePairs),
      "dropped": .object(
        DropReason.allCases.reduce(into: [:]) { members, reason in
          if let count = dropped[reason] { members[reason.rawValue] = .integer(count) }
        }),
      "max_length": .integer(maxLength),
      "tokens": .integer(tokens),
      "tree_tokens": .integer(treeTokens),
      "padded_tokens": .integer(paddedTokens),
      "usable_tree_tokens": .integer(usableTreeTokens),
      "target_tokens": .integer(targetTokens),
      "truncated_sides": .integer(truncatedSides),
      "saving_over_padding": .number(savingOverPadding),
      "saving_over_sides": .number(savingOverSides),
      "prompt_length": promptLengths.json,
      "chosen_length": chosenLengths.json,
      "rejected_length": rejectedLengths.json,
      "chosen_longer_share": .number(chosenIsLongerShare),
      "equally_long": .integer(equallyLong),
      "duplicate_pairs": .integer(duplicatePairs),
      "duplicate_prompts": .integer(duplicatePrompts),
      "differing_prompts": .integer(differingPrompts),
      "scored_pairs": .integer(scoredPairs),
      "unused_keys": .object(
        unusedKeys.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
          .reduce(into: [:]) { $0[$1.key] = .integer($1.value) }),
      "plain_text_pairs_beside_template": .integer(plainTextPairsBesideTemplate),
    ]
  }

  /// What a reader should know about how the file was taken, a sentence each.
  public var remarks: [String] {
    var remarks: [String] = []
    if plainTextPairsBesideTemplate > 0 {
      remarks.append(
        "\(grouped(plainTextPairsBesideTemplate)) of \(grouped(pairs)) \(areTexts ? "texts" : "pairs") are plain text and are trained on as such, without "
          + "the tokenizer's chat template; --apply-chat-template writes them with it")
    }
    if unscoredPairsKept > 0 {
      remarks.append(
        "pairs kept although they have no scores to compare with --min-margin: \(grouped(unscoredPairsKept))")
    }
    if !unusedKeys.isEmpty {
      let keys = unusedKeys.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      let shown = keys.prefix(8).map { "\"\($0.key)\" (\(grouped($0.value)))" }.joined(separator: ", ")
      remarks.append("keys that are not used: \(shown)\(keys.count > 8 ? ", …" : "")")
    }
    return remarks
  }

  /// The numbers as a table with a few words, for readers.
  public var table: String {
    var rows: [(String, String)] = [
      (areTexts ? "texts" : "pairs", grouped(pairs)),
      ("  trained on", "\(grouped(usablePairs)) (\(percentText(usablePairs, of: pairs)))"),
    ]
    for reason in DropReason.allCases {
      if let number = dropped[reason] { rows.append(("  dropped", "\(grouped(number)): \(reason.rawValue)")) }
    }
    rows += areTexts ? rowsOfTexts : rowsOfPairs
    if scoredPairs > 0 { rows.append(("pairs with scores", grouped(scoredPairs))) }
    let width = rows.map(\.0.count).max() ?? 0
    var lines = rows.map { $0.0.padding(toLength: width + 2, withPad: " ", startingAt: 0) + $0.1 }

    lines.append("")
    let header = ["length in tokens", "mean", "least", "median", "90 %", "99 %", "greatest"]
    let lengths =
      areTexts
      ? [("prompt", promptLengths), ("what follows it", chosenLengths)]
      : [("prompt", promptLengths), ("chosen reply", chosenLengths), ("rejected reply", rejectedLengths)]
    let cells =
      [header]
      + lengths.map { name, lengths in
        let numbers = [lengths.minimum, lengths.median, lengths.p90, lengths.p99, lengths.maximum]
        return [name, grouped(Int(lengths.mean.rounded()))] + numbers.map(grouped)
      }
    lines += cells.map { row in
      row[0].padding(toLength: width + 2, withPad: " ", startingAt: 0)
        + row.dropFirst().map { String(repeating: " ", count: max(0, 9 - $0.count)) + $0 }.joined()
    }
    if !remarks.isEmpty { lines += [""] + remarks }
    return lines.joined(separator: "\n") + "\n"
  }

  private var rowsOfTexts: [(String, String)] {
    [
      ("maximal length", "\(grouped(maxLength)) tokens"),
      ("tokens, padded to the maximum", grouped(paddedTokens)),
      ("tokens", grouped(treeTokens)),
      ("  of the texts trained on", "\(grouped(usableTreeTokens)) (\(factor(savingOverPadding)) fewer than padded)"),
      ("  target tokens", "\(grouped(targetTokens)) (\(percentText(targetTokens, of: usableTreeTokens)))"),
      ("truncated texts", "\(grouped(truncatedSides)) (\(percentText(truncatedSides, of: pairs)))"),
      ("repeated texts", grouped(duplicatePairs)),
    ]
  }

  private var rowsOfPairs: [(String, String)] {
    [
      ("maximal length", "\(grouped(maxLength)) tokens"),
      ("tokens, padded to the maximum", grouped(paddedTokens)),
      ("tokens of both sides", grouped(tokens)),
      ("tokens, shared prefix once", grouped(treeTokens)),
      (
        "  of the pairs trained on",
        "\(grouped(usableTreeTokens)) (\(factor(savingOverPadding)) fewer than padded, "
          + "\(factor(savingOverSides)) fewer than both sides)"
      ),
      ("  target tokens", "\(grouped(targetTokens)) on both sides"),
      (
        "truncated sides",
        "\(grouped(truncatedSides)) of \(grouped(2 * pairs)) (\(percentText(truncatedSides, of: 2 * pairs)))"
      ),
      ("chosen is the longer reply", chosenIsLongerText),
      ("repeated pairs", grouped(duplicatePairs)),
      ("repeated prompts", grouped(duplicatePrompts)),
      ("pairs whose prompts differ", grouped(differingPrompts)),
    ]
  }

  private var chosenIsLongerText: String {
    let text = "\(percentText(chosenIsLonger, of: pairs - equallyLong)) of the pairs"
    guard pairs - equallyLong >= 20, abs(chosenIsLongerShare - 0.5) > 0.15 else { return text }
    return text + "; the model may learn length instead of quality"
  }

  private func factor(_ value: Double) -> String { String(format: "%.2f×", value) }
}
