import Testing
import Training

@Suite("The best step, and when to stop")
struct BestModelTests {
  private func run(
    _ values: [Double], _ criterion: BestModel.Criterion, saved: Set<Int> = []
  ) -> (best: BestModel, endedAt: Int?) {
    var best = BestModel()
    for (step, value) in values.enumerated() {
      let ends = best.add(value, at: step, by: criterion)
      if saved.contains(step) { best.keepLatest(at: step, by: criterion) }
      if ends { return (best, step) }
    }
    return (best, nil)
  }

  @Test("Smaller is better where the name ends in loss, as in transformers, unless it is said otherwise")
  func direction() {
    #expect(!BestModel.Criterion(metric: "eval_loss").greaterIsBetter)
    #expect(!BestModel.Criterion(metric: "guard_loss").greaterIsBetter)
    #expect(BestModel.Criterion(metric: "rewards/accuracies").greaterIsBetter)
    #expect(BestModel.Criterion(metric: "loss", greaterIsBetter: true).greaterIsBetter)
  }

  @Test("The best step is the first with the best value; the start does not count")
  func best() {
    let found = run([0.1, 0.6, 0.5, 0.5, 0.7], .init(metric: "loss"), saved: [1, 3, 4]).best
    #expect(found.start == 0.1)
    #expect(found.best == .init(step: 2, value: 0.5))
    #expect(found.kept == .init(step: 3, value: 0.5))
    #expect(found.latest?.step == 4 && found.evaluations == 4)
    let accuracy = run([0, 0.6, 0.9, 0.8], .init(metric: "accuracy"), saved: [1, 2, 3]).best
    #expect(accuracy.kept == .init(step: 2, value: 0.9))
  }

  @Test("The run ends after so many evaluations without an improvement by more than the threshold")
  func patience() {
    #expect(run([9, 0.6, 0.5, 0.55, 0.52, 0.4], .init(metric: "loss", patience: 2)).endedAt == 4)
    #expect(run([9, 0.6, 0.5, 0.55, 0.49, 0.48], .init(metric: "loss", patience: 2)).endedAt == nil)
    #expect(run([9, 0.6, 0.5, 0.55, 0.49, 0.48], .init(metric: "loss", patience: 2, threshold: 0.05)).endedAt == 4)
    #expect(run([9, 0.6, 0.7, 0.8], .init(metric: "loss")).endedAt == nil)
  }

  @Test("A value that is not a number is never the best, and no improvement")
  func notANumber() {
    let found = run([0.7, .nan, .nan, .nan], .init(metric: "loss", patience: 2), saved: [1, 2])
    #expect(found.best.best == nil && found.best.kept == nil)
    #expect(found.endedAt == 3)
    #expect(run([0.7, 0.6, .nan], .init(metric: "loss"), saved: [1, 2]).best.kept?.step == 1)
  }
}
