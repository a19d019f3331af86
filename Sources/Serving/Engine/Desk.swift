import MiniMind
import Torch

/// A model at work: the answers that run, and the requests that wait for a place.
final class Desk {
  let name: String
  private let loaded: LoadedModel
  private let inbox: Inbox
  private let rows: Int
  /// Tokens for which there is memory.
  private let cacheTokens: Int
  private let report: @Sendable (String) -> Void
  /// Nil until it is needed, and after it has failed.
  private var batch: GenerationBatch?
  private var running: [Int: RunningAnswer] = [:]
  /// The first one may have begun in part.
  private var waiting: [(submission: Inbox.Submission, begun: Int)] = []
  /// Answers of each request that have not ended.
  private var open: [Int: Int] = [:]
  private var nextID = 0

  /// Prompts of so many tokens run between two steps, or a single one: answers that run are not held up for long.
  private static let promptTokensPerStep = 512

  private struct RunningAnswer {
    let submission: Inbox.Submission
    let choice: Int
    var text: AnswerText
    var tokens = 0

    func send(_ kind: AnswerEvent.Kind) { submission.answers.yield(AnswerEvent(choice: choice, kind: kind)) }
  }

  init(_ loaded: LoadedModel, inbox: Inbox, limits: EngineLimits, report: @escaping @Sendable (String) -> Void) {
    (self.loaded, self.inbox, self.report) = (loaded, inbox, report)
    (name, rows) = (loaded.served.name, limits.rows)
    let shape = loaded.model.configuration
    let number = loaded.model.productType == .float32 ? 4 : 2
    let bytesPerToken = 2 * shape.layerCount * shape.keyValueHeadCount * shape.headSize * number
    cacheTokens = limits.cacheBytes / max(1, bytesPerToken)
  }

  /// How many answers run.
  var runningCount: Int { running.count }
  /// Whether there is nothing to do.
  var isIdle: Bool { running.isEmpty && waiting.isEmpty }

  func take(_ submission: Inbox.Submission) {
    open[submission.id] = submission.request.choices
    waiting.append((submission, 0))
  }

  /// Takes a request's answers out, wherever they are.
  func cancel(_ request: Int) {
    for index in waiting.indices.reversed() where waiting[index].submission.id == request {
      inbox.hasBegun(waiting[index].submission.request.choices - waiting[index].begun)
      waiting.remove(at: index)
    }
    for (id, answer) in running where answer.submission.id == request {
      running[id] = nil
      guarded { () throws(TorchError) in if let batch { try batch.remove(id) } }
    }
    open[request] = nil
  }

  /// Begins what there is room for, and extends all answers by a token.
  func work() {
    guard !isIdle else { return }
    guarded { () throws(TorchError) in
      try withoutGrad { () throws(TorchError) in
        let batch = try theBatch()
        try begin(in: batch)
        for step in try batch.step() { try heed(step, in: batch) }
      }
    }
  }

  private func theBatch() throws(TorchError) -> GenerationBatch {
    if let batch { return batch }
    let new = try GenerationBatch(
      loaded.model, rows: rows, tokenCount: loaded.served.format.tokenizer.vocabularySize)
    batch = new
    return new
  }

  private func begin(in batch: GenerationBatch) throws(TorchError) {
    var tokens = 0
    while let (submission, choice) = waiting.first.map({ ($0.submission, $0.begun) }), batch.hasRoom {
      let request = submission.request
      let prompt = request.prompt.tokens
      guard tokens == 0 || tokens + prompt.count <= Self.promptTokensPerStep else { return }
      let needed = batch.cacheTokens(adding: prompt.count, answer: request.options.maxNewTokens)
      guard batch.isEmpty || needed <= cacheTokens else { return }
      // Further answers to a prompt do not run it again.
      if choice == 0 { tokens += prompt.count }
      waiting[0].begun += 1
      if waiting[0].begun == request.choices { waiting.removeFirst() }
      inbox.hasBegun()
      nextID += 1
      let id = nextID
      running[id] = RunningAnswer(
        submission: submission, choice: choice, text: request.text(loaded.served.format))
      try heed(
        batch.admit(
          prompt, as: id, options: request.options, endTokens: loaded.served.format.endTokens, number: 0,
          sample: choice), in: batch)
    }
  }

  /// Hands on what a step did to an answer.
  private func heed(_ step: SequenceStep, in batch: GenerationBatch) throws(TorchError) {
    guard var answer = running[step.id] else { return }
    var isStopped = false
    if let token = step.token {
      answer.tokens += 1
      let parts: [AnswerPart]
      (parts, isStopped) = answer.text.append(token)
      for part in parts { answer.send(.part(part)) }
    }
    guard step.end != nil || isStopped else {
      running[step.id] = answer
      return
    }
    if step.end == nil { try batch.remove(step.id) }
    end(step.id, answer, isStopped ? nil : step.end)
  }

  /// - Parameter end: nil where a stop was found
  private func end(_ id: Int, _ answer: RunningAnswer, _ end: SequenceEnd?) {
    var answer = answer
    for part in answer.text.finish(isStopped: end == nil) { answer.send(.part(part)) }
    switch end {
    case .notFinite:
      answer.send(.failed("the model's scores are not finite numbers: what is computed from its weights overflows"))
    case .limit: answer.send(.end(.length, tokens: answer.tokens))
    case .endToken, nil:
      answer.send(.end(answer.text.hasToolCalls ? .toolCalls : .stop, tokens: answer.tokens))
    }
    close(id, answer)
  }

  private func close(_ id: Int, _ answer: RunningAnswer) {
    running[id] = nil
    let request = answer.submission.id
    let left = (open[request] ?? 1) - 1
    open[request] = left > 0 ? left : nil
    if left == 0 { answer.submission.answers.finish() }
  }

  /// Ends all answers, those that wait too.
  func giveUp(_ reason: String) {
    for (id, answer) in running {
      answer.send(.failed(reason))
      close(id, answer)
    }
    for (submission, begun) in waiting {
      inbox.hasBegun(submission.request.choices - begun)
      submission.fail(reason)
    }
    (waiting, open) = ([], [:])
  }

  /// Where LibTorch fails (memory ran out, for instance), the running answers end, and the next ones begin anew.
  private func guarded(_ work: () throws(TorchError) -> Void) {
    do {
      try work()
    } catch {
      report("\(name): \(error)")
      for (id, answer) in running {
        answer.send(.failed(error.kind == .outOfMemory ? "the server has run out of memory" : "the model failed"))
        close(id, answer)
      }
      batch = nil
    }
  }
}
