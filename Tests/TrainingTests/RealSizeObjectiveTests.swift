import DPO
import Foundation
import OrderedJSON
import Testing
import Training

/// Objectives that need more of a batch than one number a side, at the size that users have.
@Suite("A 64 M model's first step with other objectives (Tools/reference/real_size_objectives.py)", .serialized)
struct RealSizeObjectiveTests {
  @Test("Loss and gradient norm are those of TRL's formulas in double precision, in two micro-batches")
  func firstStep() throws {
    let golden = try RealSizeGolden()
    let cases = try #require(
      try JSON(parsing: Data(contentsOf: goldens().appendingPathComponent("real_size_objectives.json"))).array)
    #expect(cases.count == 5)
    for expected in cases {
      let name = try #require(expected["name"]?.string)
      var options = golden.options(steps: 1)
      options.loss = try PreferenceLoss(reference: try #require(expected["options"]))
      (options.perDeviceBatchSize, options.accumulationSteps) = (4, 2)
      let found = try #require(try golden.steps(golden.trainer(options)).first)
      #expect(isClose(found.loss, try #require(expected["loss"]?.double), within: 5e-6), "\(name): \(found)")
      #expect(
        isClose(found.gradientNorm, try #require(expected["grad_norm"]?.double), within: 5e-6), "\(name): \(found)")
    }
  }
}
