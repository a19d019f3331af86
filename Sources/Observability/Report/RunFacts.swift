import OrderedJSON

/// What a report says about one run in words, figures and tables.
struct RunFacts {
  let run: ReportRun

  init(_ run: ReportRun) { self.run = run }

  /// The verdict, for the top of the page: its words, what they rest on, and whether that is good news.
  var verdict: JSON {
    if run.isSupervised { return supervisedVerdict }
    let evidence = RunEvidence(run.log)
    guard evidence.heldOut != nil || evidence.training != nil || evidence.guarded != nil || evidence.answers != nil
    else {
      return ["words": Phrase(en: "No records yet", zh: "还没有记录").json, "sentences": "", "tone": "unsure"]
    }
    // What held-out pairs say before the first step is no finding.
    if run.state == .running, evidence.heldOut == nil {
      return [
        "words": Phrase(en: "It is too early to tell", zh: "现在下结论还太早").json,
        "sentences":
          (run.log.records.contains { $0.values[Self.heldOutPairs] != nil }
          ? Phrase(en: "Held-out pairs are measured again later in the run.", zh: "留出的偏好对要到训练后面才会再次评估。")
          : Phrase(en: "No pairs are held out; training pairs alone do not show it.", zh: "没有留出偏好对；只看训练数据说明不了问题。"))
          .json,
        "tone": "unsure",
      ]
    }
    let verdict = RunVerdict(evidence)
    let words = verdict.words
    return [
      "words": Phrase(en: words.en.prefix(1).uppercased() + words.en.dropFirst(), zh: words.zh).json,
      "sentences": verdict.sentences.json, "tone": .string(Self.tone(verdict)),
    ]
  }

  private static let heldOutPairs = MetricName.evaluationPrefix + MetricName.pairs

  private static func tone(_ verdict: RunVerdict) -> String {
    let bad: Set<RunVerdict.Finding> = [.broke, .drifted, .forgot, .lengthened, .memorised, .worsened]
    if verdict.findings.contains(where: { bad.contains($0.finding) }) { return "bad" }
    return verdict.holds(.learned) ? "good" : "unsure"
  }

  private var supervisedVerdict: JSON {
    let outcome = TextOutcome(run.log)
    guard let before = outcome.before, let after = outcome.after else {
      return ["words": Phrase(en: "No comparison yet", zh: "还没有可比较的结果").json, "sentences": "", "tone": "unsure"]
    }
    let (first, last) = (HumanText.fixed(before.loss, 4), HumanText.fixed(after.loss, 4))
    let place =
      outcome.heldOut.map {
        Phrase(en: "on \(HumanText.counted($0, "held-out text"))", zh: "在 \(HumanText.grouped($0)) 条留出的文本上")
      } ?? Phrase(en: "on the training texts (none are held out)", zh: "在训练文本上（没有留出文本）")
    let falls = after.loss < before.loss
    let held = outcome.heldOut != nil
    return [
      "words":
        (falls
        ? held
          ? Phrase(en: "It learned: the held-out loss fell", zh: "学到了：留出文本的损失下降了")
          : Phrase(en: "The training loss fell", zh: "训练损失下降了")
        : Phrase(en: "The loss did not fall", zh: "损失没有下降")).json,
      "sentences": Phrase(
        en: "The loss per token went from \(first) to \(last) \(place.en).",
        zh: "每 token 损失\(place.zh)从 \(first) 变为 \(last)。"
      ).json,
      "tone": .string(!falls || !after.loss.isFinite ? "bad" : held ? "good" : "unsure"),
    ]
  }

  /// What a reader must know before the numbers.
  var remarks: [Phrase] {
    var remarks: [Phrase] = []
    if let sentence = run.state.sentence(step: run.lastStep) { remarks.append(sentence) }
    if let dropped { remarks.append(dropped) }
    if !run.log.damagedLines.isEmpty {
      let lines = run.log.damagedLines.map(String.init).joined(separator: ", ")
      remarks.append(
        Phrase(
          en: "The file metrics.jsonl could not be read in line \(lines); the rest is shown.",
          zh: "metrics.jsonl 的第 \(lines) 行无法读取；其余照常显示。"))
    }
    let broken = run.points(of: MetricName.loss).count { !$0.value.isFinite }
    if broken > 0 {
      remarks.append(
        Phrase(
          en: "The loss was not a finite number in \(broken) of the records.", zh: "有 \(broken) 条记录的损失不是有限的数。"))
    }
    return remarks
  }

  /// A tenth of the data that was left out is worth a word at the top.
  private var dropped: Phrase? {
    let reasons = droppedReasons
    let count = reasons.reduce(0) { $0 + $1.count }
    guard let read = run.data?["pairs"]?.int ?? run.log.totals?.pairsRead, read > 0, count * 10 >= read else {
      return nil
    }
    let (some, all) = (HumanText.grouped(count), HumanText.grouped(read))
    let share = HumanText.percent(Double(count) / Double(read))
    func listed(_ language: MessageLanguage) -> String {
      reasons.map { "\(HumanText.grouped($0.count)) \($0.reason[language])" }.joined(
        separator: language == .english ? ", " : "，")
    }
    let advice = reasons.compactMap(\.advice).prefix(1)
    let noun = run.isSupervised ? Phrase(en: "texts", zh: "条文本") : Phrase(en: "pairs", zh: "个偏好对")
    return
      ([
        Phrase(
          en: "\(some) of \(all) \(noun.en) (\(share)) were dropped and taught nothing: \(listed(.english)).",
          zh: "\(all) \(noun.zh)中有 \(some) 个（\(share)）被丢弃，没有参与训练：\(listed(.chinese))。")
      ] + advice).joinedSentences
  }

  private var droppedReasons: [(reason: Phrase, count: Int, advice: Phrase?)] {
    if let reasons = run.data?["dropped"]?.array {
      return reasons.compactMap { entry in
        guard let reason = Phrase(entry["reason"]), let count = entry["count"]?.int else { return nil }
        return (reason, count, Phrase(entry["advice"]))
      }
    }
    return (run.log.totals?.dropped ?? [:]).map { (Phrase($0.key), $0.value, nil) }.filter { $0.1 > 0 }
  }

  // MARK: - Tables

  /// What was read, cut and dropped, and what the linter found; nil where nothing is known.
  var data: JSON? {
    let totals = run.log.totals
    guard run.data != nil || totals?.pairsRead != nil || totals?.dropped.isEmpty == false else { return nil }
    let examples = run.isSupervised ? Phrase(en: "texts", zh: "文本数量") : Phrase(en: "pairs", zh: "偏好对数量")
    var rows: [(Phrase, Int?)] = [
      (examples + Phrase(en: " in the data", zh: "（数据中）"), run.data?["pairs"]?.int ?? totals?.pairsRead)
    ]
    if let usable = run.data?["usable"]?.int {
      rows.append((Phrase(en: "to learn from", zh: "用于学习"), usable))
    }
    if let heldOut = run.data?["held_out"]?.int, heldOut > 0 {
      rows.append((Phrase(en: "held out", zh: "留出"), heldOut))
    }
    rows += droppedReasons.map { (Phrase(en: "dropped: ", zh: "丢弃：") + $0.reason, $0.count) }
    rows.append(
      (Phrase(en: "cut to the maximum length", zh: "截断到最大长度"), run.data?["truncated"]?.int ?? totals?.truncated))
    return [
      "rows": .array(
        rows.compactMap { row in
          row.1.map { ["label": row.0.json, "value": .string(HumanText.grouped($0))] }
        }),
      "findings": run.data?["findings"] ?? .array([]),
    ]
  }

  /// The slices of the held-out pairs at the last evaluation.
  var slices: [JSON] {
    let name = MetricName.evaluationPrefix + MetricName.slices
    let last = run.log.records.last { $0.values[name] != nil }?.values[name]
    return SliceFigures.slices(in: last).map { slice in
      [
        "trait": slice.traitPhrase.json, "label": slice.labelPhrase.json, "pairs": .integer(slice.pairs),
        "accuracy": .number(slice.accuracy.value), "low": .number(slice.accuracy.low),
        "high": .number(slice.accuracy.high), "margin": PlottedSeries.number(slice.margin),
      ]
    }
  }

  /// The answers to the sample prompts before training (the reference's) and after it.
  var samples: [JSON] {
    run.samples.filter { $0["model"]?.string == "reference" }.map { reference in
      let last = run.samples.last { $0["model"]?.string == "policy" && $0["prompt"] == reference["prompt"] }
      return [
        "messages": reference["messages"] ?? [], "before": reference["response"] ?? "",
        "after": last?["response"] ?? .null, "step": last?["step"] ?? .null,
      ]
    }
  }

  /// What happened beside the steps, the last few.
  var events: [JSON] {
    run.log.events.suffix(50).map { event in
      ["step": .integer(event.step), "event": event.kind.word.json, "text": .string(event.message)]
    }
  }
}

extension RunEvent.Kind {
  /// In a word or two.
  var word: Phrase {
    switch self {
    case .skippedStep: Phrase(en: "step left out", zh: "跳过一步")
    case .drift: Phrase(en: "drift", zh: "偏离")
    case .slow: Phrase(en: "slow", zh: "缓慢")
    case .failure: Phrase(en: "failure", zh: "失败")
    }
  }
}

extension SliceFigures {
  /// The trait as a reader's language has it; names of the user's own stay.
  var traitPhrase: Phrase {
    let known = [
      "answer length": "回答长度", "longer answer": "较长的回答", "prompt language": "提示语言", "answer language": "回答语言",
      "turns": "轮数", "source": "来源",
    ]
    return Phrase(en: trait, zh: known[trait] ?? trait)
  }

  /// What the slice's pairs have in common, in the same way.
  var labelPhrase: Phrase {
    let known = [
      "chosen": "优选", "rejected": "劣选", "neither": "一样长", "zh": "中文", "latin": "拉丁字母", "other": "其他",
      "3 and more": "3 轮及以上",
    ]
    if let word = known[label] { return Phrase(en: label, zh: word) }
    let numbers = label.split(separator: " ").compactMap { Int($0) }
    if trait == "answer length", let first = numbers.first {
      if label.hasPrefix("at most") { return Phrase(en: label, zh: "至多 \(first) 个 token") }
      if label.hasPrefix("more than") { return Phrase(en: label, zh: "多于 \(first) 个 token") }
      if let second = numbers.dropFirst().first { return Phrase(en: label, zh: "\(first) 至 \(second) 个 token") }
    }
    return Phrase(label)
  }
}
