import MiniMind
import Observability
import Torch
import Training

import struct Observability.Progress

/// Scores answers by how likely a second model finds them.
struct LikelihoodJudge {
  /// The model that scores.
  let judge: CausalLM
  /// The model that answered, whose log-probability is subtracted; nil subtracts nothing.
  let answering: CausalLM?

  /// Moves the judge beside the model that answered.
  func place(_ placement: Placement) throws(TorchError) {
    try judge.place(on: placement.device, multiplyingIn: placement.type)
  }

  /// The answers with their scores: means per token, in which the end token counts.
  ///
  /// - Returns: fewer than were given where it was stopped
  func scored(
    _ answers: [DrawnAnswer], after prompts: [[Int32]], rank job: Job, stop: StopRequest
  ) throws -> [DrawnAnswer] {
    let line = ProgressLine()
    defer { line.finish() }
    var scored: [DrawnAnswer] = []
    for (prompt, own) in Dictionary(grouping: answers, by: \.prompt).sorted(by: { $0.key < $1.key }) {
      if stop.requestedBy != nil { break }
      let tokens = own.map(\.allTokens)
      let likelihoods = try judge.meanLogProbabilities(of: tokens, after: prompts[prompt])
      let usual = try answering?.meanLogProbabilities(of: tokens, after: prompts[prompt])
      for (place, answer) in own.enumerated() {
        var answer = answer
        answer.score = likelihoods[place] - (usual?[place] ?? 0)
        scored.append(answer)
      }
      guard job.isFirst else { continue }
      line.update(Progress(task: "score", done: scored.count, total: answers.count, unit: "answer"))
    }
    return scored
  }
}
