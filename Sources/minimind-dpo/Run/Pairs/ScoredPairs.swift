import Observability
import OrderedJSON

/// An answer in words, as scorers and readers see it.
struct JudgedAnswer {
  let prompt: Int
  let sample: Int
  let hasEnded: Bool
  /// The assistant's message.
  let message: JSON
  /// What a scorer reads.
  let question: JSON
  var score: Double

  private let tokens: Int
  private let text: String

  init(_ answer: DrawnAnswer, to request: PromptFile.Request, after prompt: [Int32], speaker: Speaker) {
    (self.prompt, sample, hasEnded, tokens) = (
      answer.prompt, answer.sample, answer.endToken != nil, answer.tokens.count
    )
    score = answer.score ?? 0
    let (content, reasoning) = speaker.parts(of: answer.tokens, after: prompt)
    text = content
    var message: JSON.Object = ["role": "assistant"]
    if let reasoning { message["reasoning_content"] = .string(reasoning) }
    message["content"] = .string(content)
    self.message = .object(message)
    var question: JSON.Object = [
      "prompt": .array(request.messages), "answer": .string(content), "index": .integer(answer.prompt),
      "sample": .integer(answer.sample), "ended": .bool(hasEnded), "tokens": .integer(tokens),
    ]
    if let reasoning { question["reasoning_content"] = .string(reasoning) }
    for (name, value) in request.otherMembers where question[name] == nil { question[name] = value }
    self.question = .object(question)
  }

  /// What `--keep-all` writes.
  var record: JSON {
    var record = question.object ?? [:]
    record["score"] = .number(score)
    return .object(record)
  }
}

/// The pairs that scored answers make, as lines of a preference file.
struct ScoredPairs {
  /// A pair each, in the order of the prompts.
  private(set) var records: [JSON] = []
  private(set) var report: PairReport

  /// - Parameter answers: of all prompts, in their order
  init(_ answers: [JudgedAnswer], requests: [PromptFile.Request], minMargin: Double) {
    report = PairReport(
      prompts: requests.count, answers: answers.count, unfinished: answers.count { !$0.hasEnded },
      scores: answers.map(\.score))
    let selection = PairSelection(minMargin: minMargin)
    let ofPrompts = Dictionary(grouping: answers, by: \.prompt)
    for (prompt, request) in requests.enumerated() {
      let own = ofPrompts[prompt] ?? []
      let judged = own.map { PairSelection.Answer(message: $0.message, score: $0.score, hasEnded: $0.hasEnded) }
      switch selection.pair(of: judged) {
      case .failure(let dropped): report.dropped[dropped.reason, default: 0] += 1
      case .success((let chosen, let rejected)):
        records.append(Self.record(request, chosen: own[chosen], rejected: own[rejected]))
        report.chosen.append(own[chosen].score)
        report.rejected.append(own[rejected].score)
      }
    }
  }

  /// MiniMind's format, which is TRL's too, with the scores beside it.
  private static func record(_ request: PromptFile.Request, chosen: JudgedAnswer, rejected: JudgedAnswer) -> JSON {
    var record: JSON.Object = [
      "chosen": .array(request.messages + [chosen.message]), "rejected": .array(request.messages + [rejected.message]),
      "score_chosen": .number(chosen.score), "score_rejected": .number(rejected.score),
    ]
    if let tools = request.tools { record["tools"] = .array(tools) }
    for (name, value) in request.otherMembers where record[name] == nil { record[name] = value }
    return .object(record)
  }
}

/// What became of prompts and answers.
struct PairReport {
  let prompts: Int
  let answers: Int
  /// Answers that --max-new-tokens cut off.
  let unfinished: Int
  /// Of all answers.
  let scores: [Double]
  /// Of the pairs.
  var chosen: [Double] = []
  /// Of the pairs.
  var rejected: [Double] = []
  var dropped: [PairSelection.Reason: Int] = [:]

  /// Why prompts gave no pair, the most frequent reason first.
  var droppedText: String {
    PairSelection.Reason.allCases.filter { dropped[$0] != nil }.sorted {
      dropped[$0, default: 0] > dropped[$1, default: 0]
    }
    .map { "\(HumanText.grouped(dropped[$0, default: 0])): \($0.rawValue)" }.joined(separator: "; ")
  }

  /// A few lines for people.
  func table(output: String) -> String {
    func row(_ name: String, _ value: String) -> String {
      name.padding(toLength: 24, withPad: " ", startingAt: 0) + value
    }
    func mean(_ values: [Double]) -> String {
      HumanText.fixed(values.reduce(0, +) / Double(max(1, values.count)), 3)
    }
    var rows = [
      row("prompts", HumanText.grouped(prompts)),
      row(
        "answers",
        HumanText.grouped(answers)
          + (unfinished > 0 ? ", of which \(HumanText.grouped(unfinished)) cut off by --max-new-tokens" : "")),
      row("mean score", "\(mean(scores)); chosen \(mean(chosen)), rejected \(mean(rejected))"),
      row("pairs", "\(HumanText.grouped(chosen.count)) in \(output)"),
    ]
    if !dropped.isEmpty { rows.append(row("prompts without a pair", droppedText)) }
    return rows.joined(separator: "\n")
  }
}
