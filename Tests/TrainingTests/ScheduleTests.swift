import Foundation
import OrderedJSON
import Testing
import Training

@Suite("Learning rates, as `transformers` and MiniMind have them (Tools/reference/dpo_run.py)")
struct ScheduleTests {
  @Test("Every step of every shape has the reference's rate")
  func golden() throws {
    let entries = try #require(
      try JSON(parsing: Data(contentsOf: goldens().appendingPathComponent("schedules.json"))).array)
    var shapes: Set<LearningRateSchedule.Shape> = []
    for entry in entries {
      let shape = try #require(entry["lr_scheduler_type"]?.string.flatMap(LearningRateSchedule.Shape.init))
      shapes.insert(shape)
      let schedule = LearningRateSchedule(
        shape: shape, peak: try #require(entry["learning_rate"]?.double),
        warmupSteps: try #require(entry["warmup_steps"]?.int), totalSteps: try #require(entry["total_steps"]?.int),
        minimumRatio: entry["min_lr_rate"]?.double ?? 0.1)
      let rates = try #require(entry["rates"]?.array).compactMap(\.double)
      #expect(rates.count == schedule.totalSteps)
      for (step, rate) in zip(1..., rates) {
        #expect(abs(schedule.rate(ofStep: step) - rate) <= 1e-12 * schedule.peak, "\(schedule), step \(step)")
      }
    }
    #expect(shapes == Set(LearningRateSchedule.Shape.allCases))
  }

  @Test("A ratio of warm-up is rounded up to steps, and a number of steps goes before it")
  func warmup() {
    func steps(_ total: Int, ratio: Double, steps: Int = 0) -> Int {
      var options = TrainingOptions()
      (options.warmupRatio, options.warmupSteps) = (ratio, steps)
      return options.schedule(totalSteps: total).warmupSteps
    }
    #expect(steps(20, ratio: 0.1) == 2)
    #expect(steps(21, ratio: 0.1) == 3)
    #expect(steps(20, ratio: 0) == 0)
    #expect(steps(20, ratio: 0.1, steps: 5) == 5)
  }
}
