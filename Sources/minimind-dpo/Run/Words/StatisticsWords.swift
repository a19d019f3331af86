import Foundation
import Observability
import Preferences

extension PairStatistics {
  /// The table in the reader's language.
  var tableInWords: String { MessageLanguage.current == .chinese ? chineseTable : table }

  private var chineseTable: String {
    let unit = areTexts ? "文本" : "偏好对"
    var rows: [(String, String)] = [
      (unit + "数量", HumanText.grouped(pairs)),
      ("  用于训练", "\(HumanText.grouped(usablePairs))（\(share(usablePairs, of: pairs))）"),
    ]
    for reason in DropReason.allCases {
      if let number = dropped[reason] { rows.append(("  丢弃", "\(HumanText.grouped(number))：\(reason.phrase.zh)")) }
    }
    rows += areTexts ? rowsOfTexts : rowsOfPairs
    if scoredPairs > 0 { rows.append(("有分数的偏好对", HumanText.grouped(scoredPairs))) }
    let width = (rows.map { TerminalText.columns($0.0) }.max() ?? 0) + 2
    var lines = rows.map { padded($0.0, width) + $0.1 }

    lines.append("")
    let lengths: [(String, Percentiles)] =
      areTexts
      ? [("提示", promptLengths), ("其后的部分", chosenLengths)]
      : [("提示", promptLengths), ("优选回答", chosenLengths), ("劣选回答", rejectedLengths)]
    let cells =
      [["长度（token）", "平均", "最短", "中位数", "90 %", "99 %", "最长"]]
      + lengths.map { name, lengths in
        let numbers = [lengths.minimum, lengths.median, lengths.p90, lengths.p99, lengths.maximum]
        return [name, HumanText.grouped(Int(lengths.mean.rounded()))] + numbers.map(HumanText.grouped)
      }
    lines += cells.map { row in padded(row[0], width) + row.dropFirst().map { padded($0, 9, leading: true) }.joined() }
    if !chineseRemarks.isEmpty { lines += [""] + chineseRemarks }
    return lines.joined(separator: "\n") + "\n"
  }

  /// What a reader should know about how the file was taken, in the reader's language.
  var remarksInWords: [String] { MessageLanguage.current == .chinese ? chineseRemarks : remarks }

  private var chineseRemarks: [String] {
    var remarks: [String] = []
    if plainTextPairsBesideTemplate > 0 {
      let (plain, all) = (HumanText.grouped(plainTextPairsBesideTemplate), HumanText.grouped(pairs))
      remarks.append(
        "\(all) \(areTexts ? "条文本" : "个偏好对")中有 \(plain) 是纯文本，按原样训练，不套用分词器的对话模板；--apply-chat-template 会套用模板")
    }
    if unscoredPairsKept > 0 {
      remarks.append("没有分数、无法与 --min-margin 比较而保留的偏好对：\(HumanText.grouped(unscoredPairsKept))")
    }
    if !unusedKeys.isEmpty {
      let keys = unusedKeys.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      let shown = keys.prefix(8).map { "\"\($0.key)\"（\(HumanText.grouped($0.value))）" }.joined(separator: "、")
      remarks.append("没有用到的键：\(shown)\(keys.count > 8 ? "……" : "")")
    }
    return remarks
  }

  private var rowsOfTexts: [(String, String)] {
    [
      ("最大长度", "\(HumanText.grouped(maxLength)) 个 token"),
      ("token 数，填充到最大长度", HumanText.grouped(paddedTokens)),
      ("token 数", HumanText.grouped(treeTokens)),
      ("  其中用于训练", "\(HumanText.grouped(usableTreeTokens))（填充需要 \(factor(savingOverPadding))）"),
      ("  目标 token", "\(HumanText.grouped(targetTokens))（\(share(targetTokens, of: usableTreeTokens))）"),
      ("截断的文本", "\(HumanText.grouped(truncatedSides))（\(share(truncatedSides, of: pairs))）"),
      ("重复的文本", HumanText.grouped(duplicatePairs)),
    ]
  }

  private var rowsOfPairs: [(String, String)] {
    let longer = share(chosenIsLonger, of: pairs - equallyLong)
    let isBiased = pairs - equallyLong >= 20 && abs(chosenIsLongerShare - 0.5) > 0.15
    return [
      ("最大长度", "\(HumanText.grouped(maxLength)) 个 token"),
      ("token 数，填充到最大长度", HumanText.grouped(paddedTokens)),
      ("两侧的 token 数", HumanText.grouped(tokens)),
      ("token 数，公共前缀只算一次", HumanText.grouped(treeTokens)),
      (
        "  其中用于训练",
        "\(HumanText.grouped(usableTreeTokens))（填充需要 \(factor(savingOverPadding))，两侧分开需要 \(factor(savingOverSides))）"
      ),
      ("  目标 token", "两侧共 \(HumanText.grouped(targetTokens))"),
      (
        "截断的侧数",
        "\(HumanText.grouped(truncatedSides)) / \(HumanText.grouped(2 * pairs))（\(share(truncatedSides, of: 2 * pairs))）"
      ),
      ("优选回答较长的", "\(longer)" + (isBiased ? "；模型可能学会写长而不是写好" : "")),
      ("重复的偏好对", HumanText.grouped(duplicatePairs)),
      ("重复的提示", HumanText.grouped(duplicatePrompts)),
      ("两侧提示不同的", HumanText.grouped(differingPrompts)),
    ]
  }

  private func share(_ part: Int, of whole: Int) -> String { HumanText.percent(Double(part) / Double(max(1, whole))) }

  private func factor(_ value: Double) -> String { HumanText.fixed(value, 2) + " 倍" }

  private func padded(_ text: String, _ width: Int, leading: Bool = false) -> String {
    let space = String(repeating: " ", count: max(leading ? 0 : 1, width - TerminalText.columns(text)))
    return leading ? space + text : text + space
  }
}
