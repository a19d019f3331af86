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
        "\(count(plainTextPairsBesideTemplate)) of \(count(pairs)) pairs are plain text and are trained on as such, without "
          + "the tokenizer's chat template; --apply-chat-template writes them with it")
    }
    if unscoredPairsKept > 0 {
      remarks.append(
        "pairs kept although they have no scores to compare with --min-margin: \(count(unscoredPairsKept))")
    }
    if !unusedKeys.isEmpty {
      let keys = unusedKeys.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      let shown = keys.prefix(8).map { "\"\($0.key)\" (\(count($0.value)))" }.joined(separator: ", ")
      remarks.append("keys that are not used: \(shown)\(keys.count > 8 ? ", …" : "")")
    }
    return remarks
  }

  /// The numbers as a table with a few words, for readers.
  public var table: String {
    var rows: [(String, String)] = [
      ("pairs", count(pairs)),
      ("  trained on", "\(count(usablePairs)) (\(share(usablePairs, of: pairs)))"),
    ]
    for reason in DropReason.allCases {
      if let number = dropped[reason] { rows.append(("  dropped", "\(count(number)): \(reason.rawValue)")) }
    }
    rows += [
      ("maximal length", "\(count(maxLength)) tokens"),
      ("tokens, padded to the maximum", count(paddedTokens)),
      ("tokens of both sides", count(tokens)),
      ("tokens, shared prefix once", count(treeTokens)),
      (
        "  of the pairs trained on",
        "\(count(usableTreeTokens)) (\(factor(savingOverPadding)) fewer than padded, "
          + "\(factor(savingOverSides)) fewer than both sides)"
      ),
      ("  target tokens", "\(count(targetTokens)) on both sides"),
      ("truncated sides", "\(count(truncatedSides)) of \(count(2 * pairs)) (\(share(truncatedSides, of: 2 * pairs)))"),
      ("chosen is the longer reply", chosenIsLongerText),
      ("repeated pairs", count(duplicatePairs)),
      ("repeated prompts", count(duplicatePrompts)),
      ("pairs whose prompts differ", count(differingPrompts)),
    ]
    if scoredPairs > 0 { rows.append(("pairs with scores", count(scoredPairs))) }
    let width = rows.map(\.0.count).max() ?? 0
    var lines = rows.map { $0.0.padding(toLength: width + 2, withPad: " ", startingAt: 0) + $0.1 }

    lines.append("")
    let header = ["length in tokens", "mean", "least", "median", "90 %", "99 %", "greatest"]
    let lengths = [
      ("prompt", promptLengths), ("chosen reply", chosenLengths), ("rejected reply", rejectedLengths),
    ]
    let cells =
      [header]
      + lengths.map { name, lengths in
        let numbers = [lengths.minimum, lengths.median, lengths.p90, lengths.p99, lengths.maximum]
        return [name, count(Int(lengths.mean.rounded()))] + numbers.map(count)
      }
    lines += cells.map { row in
      row[0].padding(toLength: width + 2, withPad: " ", startingAt: 0)
        + row.dropFirst().map { String(repeating: " ", count: max(0, 9 - $0.count)) + $0 }.joined()
    }
    if !remarks.isEmpty { lines += [""] + remarks }
    return lines.joined(separator: "\n") + "\n"
  }

  private var chosenIsLongerText: String {
    let text = "\(share(chosenIsLonger, of: pairs - equallyLong)) of the pairs"
    guard pairs - equallyLong >= 20, abs(chosenIsLongerShare - 0.5) > 0.15 else { return text }
    return text + "; the model may learn length instead of quality"
  }

  /// A number with its thousands set apart: 1,227,600.
  private func count(_ value: Int) -> String {
    var digits = String(value)
    var position = digits.count - 3
    while position > 0 {
      digits.insert(",", at: digits.index(digits.startIndex, offsetBy: position))
      position -= 3
    }
    return digits
  }

  private func share(_ part: Int, of whole: Int) -> String {
    whole == 0 ? "–" : String(format: "%.1f %%", 100 * Double(part) / Double(whole))
  }

  private func factor(_ value: Double) -> String { String(format: "%.2f×", value) }
}
