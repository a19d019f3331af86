import Files
import Foundation
import MiniMind
import Observability
import Training

import struct Observability.Progress

/// Draws this rank's answers, with a progress line, and keeps each in the journal when it is complete.
struct AnswerDrawing {
  let request: PairRequest
  let job: Job
  let speaker: Speaker
  let prompts: [[Int32]]
  let journal: AnswerJournal
  let stop: StopRequest

  /// The answers to this rank's prompts: those in the journal, and the others, drawn now.
  ///
  /// - Parameter check: called now and then; what it throws ends the drawing
  /// - Returns: fewer than there should be where a stop was requested
  func answers(check: () throws -> Void) throws -> [DrawnAnswer] {
    let own = prompts.indices.filter { $0 % job.worldSize == job.environment.rank }
    var answers = known(own)
    let done = Set(answers.map(\.prompt))
    let missing = own.filter { !done.contains($0) }
    if job.isFirst, !done.isEmpty {
      Console.standardError.print(
        "info: \(HumanText.counted(answers.count, "answer")) of an earlier start \(answers.count == 1 ? "is" : "are") used again"
      )
    }

    let progress = DrawingProgress(
      total: own.count * request.samples, done: answers.count, scale: job.worldSize, speaks: job.isFirst)
    defer { progress.finish() }
    var failure: (any Error)?
    try speaker.answers(
      to: missing.map { prompts[$0] }, samples: request.samples, sampling: request.sampling, numbers: missing,
      rows: request.rows
    ) { tokens in
      progress.add(tokens: tokens, answers: answers.count)
      do { try check() } catch { failure = error }
      return stop.requestedBy == nil && failure == nil
    } onAnswer: { answer in
      let drawn = DrawnAnswer(
        prompt: missing[answer.prompt], sample: answer.sample, tokens: answer.tokens, endToken: answer.endToken)
      answers.append(drawn)
      do { try journal.append(drawn) } catch { failure = failure ?? error }
    }
    if let failure { throw failure }
    return answers
  }

  /// The answers in the journal to those of these prompts that have all their answers there.
  private func known(_ own: [Int]) -> [DrawnAnswer] {
    let kept = Dictionary(grouping: journal.known, by: \.prompt)
    return own.flatMap { prompt -> [DrawnAnswer] in
      var answers: [Int: DrawnAnswer] = [:]
      for answer in kept[prompt] ?? [] { answers[answer.sample] = answer }
      return answers.count == request.samples ? answers.sorted { $0.key < $1.key }.map(\.value) : []
    }
  }
}

/// The progress line of drawing.
private final class DrawingProgress {
  private let line = ProgressLine()
  private let (total, scale, speaks): (Int, Int, Bool)
  private let first: Int
  private let started = ContinuousClock.now
  private var tokens = 0
  private var lastReport = ContinuousClock.now

  init(total: Int, done: Int, scale: Int, speaks: Bool) {
    (self.total, self.scale, self.speaks, first) = (total, scale, speaks, done)
  }

  func add(tokens made: Int, answers: Int) {
    tokens += made
    guard speaks else { return }
    let seconds = (ContinuousClock.now - started) / .seconds(1)
    var progress = Progress(task: "pairs", done: answers * scale, total: total * scale, unit: "answer")
    if seconds > 0 { progress.tokensPerSecond = Double(tokens * scale) / seconds }
    if answers > first { progress.secondsLeft = seconds / Double(answers - first) * Double(total - answers) }
    if ContinuousClock.now - lastReport > .seconds(10) {
      // For log files, which show nothing in between.
      lastReport = ContinuousClock.now
      line.report(progress)
    } else {
      line.update(progress)
    }
  }

  func finish() { line.finish() }
}
