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
  let sentence: Phrase
  private let lastStep: Int

  /// nil where the last model is taken without asking
  init?(_ best: BestModel, _ request: TrainingRequest.Evaluation, after lastStep: Int) {
    guard request.loadsBest, let criterion = request.criterion, let kept = best.kept else { return nil }
    (step, self.lastStep) = (kept.step, lastStep)
    let isHigh = criterion.greaterIsBetter
    let (superlative, extreme) = isHigh ? ("highest", "最高") : ("lowest", "最低")
    func said(_ value: Double) -> String { HumanText.fixed(value, 4) }
    let (metric, value) = (criterion.metric, said(kept.value))
    let head = Phrase(
      en: "The model is the one after step \(kept.step): ", zh: "采用的是第 \(kept.step) 步之后的模型：")
    var sentence =
      head
      + Phrase(
        en: "\(metric) is \(value) there, the \(superlative) of \(HumanText.counted(best.evaluations, "evaluation"))",
        zh: "那里的 \(metric) 是 \(value)，为 \(best.evaluations) 次评估中\(extreme)")
    if let top = best.best, top.step != kept.step {
      sentence =
        head
        + Phrase(
          en:
            "of the steps with a checkpoint it has the \(superlative) \(metric), \(value); after step \(top.step), which had "
            + "none, it was \(said(top.value))",
          zh: "在有检查点的各步中，它的 \(metric) \(extreme)，为 \(value)；没有检查点的第 \(top.step) 步之后是 \(said(top.value))")
    }
    if let latest = best.latest, latest.step != kept.step {
      sentence =
        sentence
        + Phrase(
          en: "; after the last step, \(latest.step), it was \(said(latest.value))",
          zh: "；最后一步（第 \(latest.step) 步）之后是 \(said(latest.value))")
    }
    sentence = sentence + Phrase(en: ".", zh: "。")
    if let start = best.start, !start.isNaN, isHigh ? start > kept.value : start < kept.value {
      sentence =
        sentence
        + Phrase(
          en: " Before training it was \(said(start)), which is better: training did not help.",
          zh: "训练前是 \(said(start))，反而更好：这次训练没有帮助。")
    }
    self.sentence = sentence
  }

  /// Puts the weights of the step in place, where they are not those after the last one.
  func take(into policy: CausalLM, from folder: RunFolder) throws {
    guard step != lastStep else { return }
    try RunCheckpoint.loadWeights(into: policy, from: folder.checkpoint(step: step))
  }
}
