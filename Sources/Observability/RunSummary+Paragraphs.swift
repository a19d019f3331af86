import Foundation

// The paragraphs of the closing words.

extension RunSummary {
  /// What a run learns from.
  private var example: String { texts == nil ? "pair" : "text" }
  private var examplesInChinese: String { texts == nil ? "个偏好对" : "条文本" }

  /// Lines that are longer than the width are broken, with what was indented staying so.
  static func fitted(_ text: String, width: Int) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      guard TerminalText.columns(String(line)) > width else { return String(line) }
      let indent = String(line.prefix { $0 == " " })
      return TerminalText.wrapped(String(line), width: max(20, width - indent.count - 2)).split(separator: "\n")
        .enumerated().map { indent + ($0 > 0 ? "  " : "") + $1 }.joined(separator: "\n")
    }.joined(separator: "\n")
  }

  var headline: String {
    let (steps, pairs) = (totals.steps, totals.pairs)
    let start = Phrase(
      en: totals.stoppedBy.map { "Stopped by \($0) after" }
        ?? (totals.endedEarly == nil ? "Trained" : "Ended early after"),
      zh: totals.stoppedBy.map { "被 \($0) 停止，已训练" } ?? (totals.endedEarly == nil ? "训练了" : "提前结束，已训练"))
    let perSecond = (
      HumanText.count(Double(pairs) / totals.seconds), HumanText.count(Double(totals.tokens) / totals.seconds)
    )
    let rates =
      totals.seconds > 0
      ? Phrase(
        en: " (\(perSecond.0) \(example)s/s, \(perSecond.1) tokens/s)",
        zh: "（每秒 \(perSecond.0) \(examplesInChinese)、\(perSecond.1) token）") : Phrase("")
    let epochs = HumanText.short(totals.epochs)
    return Phrase(
      en: "\(start.en) \(counted(steps, "step")) over \(counted(pairs, example)) (\(epochs) "
        + "\(totals.epochs == 1 ? "epoch" : "epochs")) in \(HumanText.duration(seconds: totals.seconds))\(rates.en)."
        + (totals.endedEarly.map { "\nWhy: \($0)." } ?? ""),
      zh:
        "\(start.zh) \(HumanText.grouped(steps)) 步，共 \(HumanText.grouped(pairs)) \(examplesInChinese)（\(epochs) 轮），用时 "
        + "\(HumanText.duration(seconds: totals.seconds, in: .chinese))\(rates.zh)。"
        + ((endReason?.zh ?? totals.endedEarly).map { "\n原因：\($0)。" } ?? "")
    ).text + (checkpointLine.map { "\n" + $0 } ?? "")
  }

  /// What checkpoints cost; nil where none was saved.
  private var checkpointLine: String? {
    guard totals.checkpoints > 0, totals.seconds > 0 else { return nil }
    let part = HumanText.percent(totals.checkpointSeconds / totals.seconds)
    return Phrase(
      en: "Saved \(counted(totals.checkpoints, "checkpoint")); training stood still "
        + "\(HumanText.duration(seconds: totals.checkpointSeconds)) for that (\(part) of the time).",
      zh: "保存了 \(HumanText.grouped(totals.checkpoints)) 个检查点，训练为此停顿 "
        + "\(HumanText.duration(seconds: totals.checkpointSeconds, in: .chinese))（占 \(part)）。"
    ).text
  }

  /// Whether it learned, memorised, lengthened, forgot or broke; nothing of a run without a record.
  var verdict: String? {
    // The table says already that training pairs alone prove nothing.
    let isMeasured = evidence.heldOut != nil || evidence.guarded != nil || evidence.answers != nil
    return isMeasured ? RunVerdict(evidence).text : nil
  }

  var sliceRemark: String? {
    let standingOut = SliceFigures.standingOut(of: slices)
    guard !standingOut.isEmpty else { return nil }
    func listed(_ language: MessageLanguage) -> String {
      standingOut.map { slice in
        let name = "\(slice.traitPhrase[language]) \(slice.labelPhrase[language])"
        let accuracy = HumanText.percent(slice.accuracy.value)
        return language == .english
          ? "\(name): accuracy \(accuracy) on \(counted(slice.pairs, "pair"))"
          : "\(name)：\(HumanText.grouped(slice.pairs)) 个偏好对上准确率 \(accuracy)"
      }.joined(separator: language == .english ? "; " : "；")
    }
    return Phrase(en: "Slices that stand out: \(listed(.english)).", zh: "与其他不同的切片：\(listed(.chinese))。").text
  }

  var table: String? {
    guard let before, let after else { return nil }
    let origin: Phrase =
      switch source {
      case .evaluation(let pairs?):
        Phrase(en: "on \(counted(pairs, "held-out pair"))", zh: "在 \(HumanText.grouped(pairs)) 个留出的偏好对上")
      case .evaluation(nil): Phrase(en: "on the evaluation pairs", zh: "在评估用的偏好对上")
      case .start:
        Phrase(
          en: "from the start, where the model equals its reference, to the mean over training",
          zh: "从模型与参考模型相同的起点，到整个训练的平均")
      case .training:
        Phrase(
          en: "first and last logging interval of training; give --eval-data for a fair comparison",
          zh: "训练的第一段和最后一段记录；要公平比较请给出 --eval-data")
      }
    let rows: [(Phrase, String, String)] = [
      (Phrase(en: "accuracy", zh: "准确率"), shown(before), shown(after) + (noiseRemark ?? "")),
      (Phrase(en: "margin", zh: "奖励差"), HumanText.fixed(before.margin, 3), HumanText.fixed(after.margin, 3)),
      (Phrase(en: "loss", zh: "损失"), HumanText.fixed(before.loss, 4), HumanText.fixed(after.loss, 4)),
    ]
    let width = rows.map { TerminalText.columns($0.1) }.max() ?? 0
    let head = Phrase(en: "Before → after (\(origin.en)):", zh: "训练前 → 训练后（\(origin.zh)）：")
    return
      ([head.text]
      + rows.map { name, first, last in
        "  \(padded(name.text, 9))\(padded(first, width, leading: true)) → \(last)"
      }).joined(separator: "\n")
  }

  /// What follows an accuracy: its interval or, where that is not known, that it did not change by more than chance may
  /// change it.
  private var noiseRemark: String? {
    if let interval = after?.accuracyInterval {
      let (low, high) = (HumanText.fixed(interval.low * 100, 1), HumanText.percent(interval.high))
      return Phrase(en: " (95 % interval \(low) to \(high))", zh: "（95 % 置信区间 \(low) 至 \(high)）").text
    }
    guard let before, let after, let accuracyNoise, let accuracyPairs, !(before.isStart && after.isStart),
      abs(after.fairAccuracy - before.fairAccuracy) <= accuracyNoise
    else { return nil }
    let noise = HumanText.percent(accuracyNoise, digits: 0)
    return Phrase(
      en: ", within noise (± \(noise) on \(counted(accuracyPairs, "pair")))",
      zh: "，在误差之内（\(HumanText.grouped(accuracyPairs)) 个偏好对，± \(noise)）"
    ).text
  }

  private func shown(_ snapshot: Snapshot) -> String {
    snapshot.isStart ? Phrase(en: "chance", zh: "随机").text : HumanText.percent(snapshot.accuracy)
  }

  var explanation: String? {
    guard before != nil else { return nil }
    let start =
      lossType == "sigmoid"
      ? Phrase(
        en: "A loss of 0.693 (= log 2) is where DPO starts: the model does not yet differ from its reference. It sinks "
          + "slowly and says little. ",
        zh: "损失 0.693（= log 2）是 DPO 的起点：此时模型与参考模型还没有差别。它下降缓慢，说明不了多少。") : Phrase("")
    let watch = Phrase(
      en:
        "Watch the accuracy (how often the chosen answer gained more than the rejected one; 50 % is chance) and the margin "
        + "(by how much, times beta).",
      zh: "请看准确率（优选回答的提升大于劣选回答的比例；50 % 为随机水平）和奖励差（大多少，乘以 β）。")
    return (start + watch).text
  }

  var droppedLine: String? {
    var sentences: [Phrase] = []
    let dropped = totals.dropped.filter { $0.value > 0 }
    if !dropped.isEmpty {
      let count = dropped.map(\.value).reduce(0, +)
      let all = totals.pairsRead.map { " of \(HumanText.grouped($0))" } ?? ""
      let noun = (totals.pairsRead ?? count) == 1 ? example : example + "s"
      let (some, whole) = (
        HumanText.grouped(count), totals.pairsRead.map { "\(HumanText.grouped($0)) \(examplesInChinese)中的 " } ?? ""
      )
      let reasons = dropped.map { (HumanText.grouped($0.value), $0.key) }
      sentences.append(
        Phrase(
          en: "Dropped \(some)\(all) \(noun): \(reasons.map { "\($0.0) \($0.1)" }.joined(separator: ", ")).",
          zh: "丢弃了 \(whole)\(some) 个："
            + reasons.map { "\($0.0) 个 \(droppedWords[$0.1]?.zh ?? $0.1)" }.joined(separator: "，") + "。"))
    }
    if totals.truncated > 0 {
      sentences.append(
        Phrase(
          en: "Cut to the maximum length: \(counted(totals.truncated, texts == nil ? "side" : "text")).",
          zh: "截断到最大长度：\(HumanText.grouped(totals.truncated)) \(texts == nil ? "侧" : "条文本")。"))
    }
    return sentences.isEmpty ? nil : sentences.joinedSentences.text
  }

  var whereabouts: String {
    var lines: [String] = []
    func say(_ en: String, _ zh: String) { lines.append(Phrase(en: en, zh: zh).text) }
    for output in outputs {
      switch output {
      case .folder(let path):
        say("The model is in \(path). In Python:", "模型在 \(path)。在 Python 中：")
        lines.append("  AutoModelForCausalLM.from_pretrained(\(quoted(path)))")
      case .adapter(let path, let model):
        say("The adapter is in \(path). In Python:", "适配器在 \(path)。在 Python 中：")
        lines.append(
          "  PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(\(quoted(model))), \(quoted(path)))")
        say(
          "Or here: --model \(model) --adapter \(path); convert --merge puts it into the weights.",
          "或在这里：--model \(model) --adapter \(path)；convert --merge 把它并入权重。")
      case .loraFile(let path):
        say("MiniMind's LoRA weights are in \(path). In Python:", "MiniMind 的 LoRA 权重在 \(path)。在 Python 中：")
        lines.append("  apply_lora(model); load_lora(model, \(quoted(path)))")
      case .weightFile(let path):
        say("MiniMind's weights are in \(path). In Python:", "MiniMind 的权重在 \(path)。在 Python 中：")
        lines.append("  model.load_state_dict(torch.load(\(quoted(path)), map_location=\"cpu\"))")
      }
    }
    let names = files.map { name, path in (Self.fileName(name).text, path) }
    let width = names.map { TerminalText.columns($0.0) }.max() ?? 0
    lines += names.map { name, path in "\(padded(name, width)) \(path)" }
    lines += nextSteps
    return lines.joined(separator: "\n")
  }

  /// The commands that people want next.
  private var nextSteps: [String] {
    guard let place = outputs.first, let folder = place.folder else { return [] }
    let model =
      if case .adapter(_, let model) = place { "--model \(shell(model)) --adapter \(shell(folder))" } else {
        "--model \(shell(folder))"
      }
    let steps = [
      ("minimind-dpo chat \(model)", Phrase(en: "talk to it", zh: "和它对话")),
      (
        "minimind-dpo report \(shell(folder))",
        Phrase(en: "the report again; several folders are compared", zh: "重新生成报告；多个文件夹会放在一起比较")
      ),
    ]
    let width = steps.map { TerminalText.columns($0.0) }.max() ?? 0
    return [Phrase(en: "Next:", zh: "接下来：").text] + steps.map { "  \(padded($0.0, width))   # \($0.1.text)" }
  }

  /// A path as it is typed.
  private func shell(_ path: String) -> String {
    let isPlain = path.allSatisfy { $0.isLetter || $0.isNumber || "._-/+=:@".contains($0) }
    return isPlain ? path : "'" + path.replacingOccurrences(of: "'", with: "'\\''") + "'"
  }

  private static func fileName(_ name: String) -> Phrase {
    Phrase(en: name, zh: ["report": "报告", "metrics": "指标", "answers": "回答"][name] ?? name)
  }

  private func quoted(_ path: String) -> String {
    "\"" + path.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"") + "\""
  }

  private func padded(_ text: String, _ width: Int, leading: Bool = false) -> String {
    let space = String(repeating: " ", count: max(0, width - TerminalText.columns(text)))
    return leading ? space + text : text + space
  }

  private func counted(_ count: Int, _ noun: String) -> String {
    HumanText.counted(count, noun)
  }
}
