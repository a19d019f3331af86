import Files
import Foundation
import Launcher
import MiniMind
import Observability
import OrderedJSON
import Training

import struct Observability.Progress

/// From prompts to pairs: draws answers, has them scored, and writes the best against the worst.
///
/// Each rank answers every n-th prompt; rank 0 scores and writes. What is written does not depend on the number of ranks.
struct PairMaking {
  let request: PairRequest
  let placement: Placement

  /// Makes the pairs.
  ///
  /// - Returns: what became of prompts and answers, on rank 0; nil on the others
  /// - Throws: `Failure`
  func run() throws -> PairReport? {
    let output = URL(fileURLWithPath: request.output)
    guard request.replacesOutput || !FileManager.default.fileExists(atPath: output.path) else {
      throw Failure(.cannotWrite, "--output \(request.output): exists; add --overwrite to replace it.")
    }
    let job = try Job(
      WorkerEnvironment(ProcessInfo.processInfo.environment), request.distribution, placement: placement)
    return try job.together { try make(job, output) }
  }

  private func make(_ job: Job, _ output: URL) throws -> PairReport? {
    let file = try PromptFile(contentsOf: request.prompts)
    // Before the first answer is drawn: a command that cannot run should not cost the time of drawing.
    let command = try job.isFirst ? request.scoring.command.map(ScoreCommand.init) : nil
    let folder = try request.source.tokenizerFolder
    let model = try request.source.loadMerged()
    let speaker = try Speaker(model, tokenizerFolder: folder)
    let prompts = try file.requests.map {
      try speaker.prompt(of: $0.messages, tools: $0.tools, variables: $0.variables, think: request.thinks)
    }
    let judge = try request.scoring.judge(with: model, from: request.source)
    let key = try key(prompts, model)
    try job.communicator?.requireAgreement(on: ["prompts, model and options": key], about: "inputs")
    try model.place(on: placement.device, multiplyingIn: placement.type)
    try judge?.place(placement)
    let journal = try AnswerJournal(besides: output, rank: job.environment.rank, key: key)

    let stop = StopRequest()
    let interruption = Interruption(
      stop, speaks: job.isFirst, first: "stopping; the answers so far are kept",
      kept: "Complete answers are kept.")
    defer { interruption.end() }
    job.activity.set(.evaluating)
    let drawing = AnswerDrawing(
      request: request, job: job, speaker: speaker, prompts: prompts, journal: journal, stop: stop)
    var answers = try drawing.answers { try command?.requireRunning() }
    if stop.requestedBy == nil, let judge {
      answers = try judge.scored(answers, after: prompts, rank: job, stop: stop)
    }
    guard let all = try gathered(answers, stop, job) else { return nil }
    let report = try write(all, file: file, speaker: speaker, prompts: prompts, command: command, stop: stop, output)
    _ = try job.communicator?.fromFirst("written", about: "the pairs")
    return report
  }

  // MARK: - Several processes

  /// The answers of all ranks on rank 0, when all have come; nil on the others, when rank 0 has written the pairs.
  ///
  /// - Throws: `Failure` on all ranks where one was stopped
  private func gathered(_ own: [DrawnAnswer], _ stop: StopRequest, _ job: Job) throws -> [DrawnAnswer]? {
    guard let communicator = job.communicator else {
      if let name = stop.requestedBy { throw stopped(by: name, count: own.count) }
      return own
    }
    let lines = own.map { $0.json.serialized() }
    let texts = try communicator.toFirst(
      ([stop.requestedBy ?? ""] + lines).joined(separator: "\n"), about: "answers")
    var all: [DrawnAnswer] = []
    var stoppedBy = ""
    for text in texts {
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
      if let name = lines.first, !name.isEmpty { stoppedBy = String(name) }
      all += lines.dropFirst().compactMap { line in (try? JSON(parsing: String(line))).flatMap(DrawnAnswer.init) }
    }
    let word = try communicator.fromFirst("\(all.count) \(stoppedBy)", about: "answers").split(separator: " ")
    if word.count == 2 { throw stopped(by: String(word[1]), count: Int(word[0]) ?? 0) }
    if job.isFirst { return all }
    _ = try communicator.fromFirst("", about: "the pairs")
    return nil
  }

  private func stopped(by name: String, count: Int) -> Failure {
    Failure(
      .stopped,
      "stopped by \(name): \(HumanText.counted(count, "answer")) drawn so far \(count == 1 ? "is" : "are") kept in "
        + "\(request.output).answers-*, and the same command goes on from there. \(request.output) was not written.")
  }

  /// Names everything that the answers depend on.
  private func key(_ prompts: [[Int32]], _ model: CausalLM) throws -> String {
    var hash = SHA256()
    for prompt in prompts {
      Swift.withUnsafeBytes(of: UInt64(prompt.count)) { hash.update($0) }
      prompt.withUnsafeBytes { hash.update($0) }
    }
    let words = "\(try model.contentHash()) \(request.sampling) \(request.samples) \(placement.type)"
    Array(words.utf8).withUnsafeBytes { hash.update($0) }
    return hash.digest.description
  }

  // MARK: - Scoring and writing

  private func write(
    _ answers: [DrawnAnswer], file: PromptFile, speaker: Speaker, prompts: [[Int32]], command: ScoreCommand?,
    stop: StopRequest, _ output: URL
  ) throws -> PairReport {
    var judged = answers.sorted { ($0.prompt, $0.sample) < ($1.prompt, $1.sample) }
      .map { JudgedAnswer($0, to: file.requests[$0.prompt], after: prompts[$0.prompt], speaker: speaker) }
    if let command {
      let scores = try command.scores(of: judged.map(\.question)) { stop.requestedBy != nil }
      guard let scores else { throw stopped(by: stop.requestedBy ?? "a signal", count: answers.count) }
      for (place, score) in scores.enumerated() { judged[place].score = score }
    }
    let pairs = ScoredPairs(judged, requests: file.requests, minMargin: request.minMargin)
    if let path = request.allAnswers {
      try writeAtomically(lines(judged.map(\.record)), to: URL(fileURLWithPath: path))
    }
    guard !pairs.records.isEmpty else {
      throw Failure(
        .badData,
        "no prompt gave a pair (\(pairs.report.droppedText)). A higher --temperature or more --num-samples make answers that "
          + "differ, a larger --max-new-tokens lets them end; look at them with --keep-all.")
    }
    try writeAtomically(lines(pairs.records), to: output)
    AnswerJournal.remove(besides: output)
    return pairs.report
  }

  private func lines(_ records: [JSON]) -> [UInt8] {
    Array(records.map { $0.serialized(.python) + "\n" }.joined().utf8)
  }
}

extension PairRequest.Scoring {
  /// The command; nil where a model scores.
  fileprivate var command: String? { if case .command(let command) = self { command } else { nil } }

  /// The model that scores; nil where a command does.
  fileprivate func judge(with model: CausalLM, from source: ModelSource) throws -> LikelihoodJudge? {
    guard case .model(let path, let measure) = self else { return nil }
    let judge = try source.load(path)
    let sizes = (judge.configuration.vocabularySize, model.configuration.vocabularySize)
    guard sizes.0 == sizes.1 else {
      throw Failure(
        .badData,
        "--score-model has a vocabulary of \(sizes.0) tokens, but --model has \(sizes.1): it must be a model with the same "
          + "tokenizer.")
    }
    return LikelihoodJudge(judge: judge, answering: measure == .logRatio ? model : nil)
  }
}
