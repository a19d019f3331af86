import Files
import Foundation
import Logging
import MiniMind
import Observability
import Training

/// Which step's model a run leaves, where evaluations decide (`--load-best-model-at-end`).
struct ModelChoice {
  /// The step.
  let step: Int
  /// What was taken and why, in a sentence.
  let sentence: String
  private let lastStep: Int

  /// nil where the last model is taken without asking
  init?(_ best: BestModel, _ request: TrainingRequest.Evaluation, after lastStep: Int) {
    guard request.loadsBest, let criterion = request.criterion, let kept = best.kept else { return nil }
    (step, self.lastStep) = (kept.step, lastStep)
    let superlative = criterion.greaterIsBetter ? "highest" : "lowest"
    func said(_ value: Double) -> String { HumanText.fixed(value, 4) }
    var sentence =
      "The model is the one after step \(kept.step): \(criterion.metric) is \(said(kept.value)) there, the \(superlative) of "
      + "\(HumanText.counted(best.evaluations, "evaluation"))"
    if let top = best.best, top.step != kept.step {
      sentence =
        "The model is the one after step \(kept.step): of the steps with a checkpoint it has the \(superlative) "
        + "\(criterion.metric), \(said(kept.value)); after step \(top.step), which had none, it was \(said(top.value))"
    }
    if let latest = best.latest, latest.step != kept.step {
      sentence += "; after the last step, \(latest.step), it was \(said(latest.value))"
    }
    sentence += "."
    if let start = best.start, !start.isNaN, criterion.greaterIsBetter ? start > kept.value : start < kept.value {
      sentence += " Before training it was \(said(start)), which is better: training did not help."
    }
    self.sentence = sentence
  }

  /// Puts the weights of the step in place, where they are not those after the last one.
  func take(into policy: CausalLM, from folder: RunFolder) throws {
    guard step != lastStep else { return }
    try RunCheckpoint.loadWeights(into: policy, from: folder.checkpoint(step: step))
  }
}
