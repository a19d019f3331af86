import DPO
import Foundation
import OrderedJSON
import Testing
import Torch

/// Sums over the tokens of each side, chosen sides first, and what each loss makes of them; Tools/reference/dpo.py.
private struct Golden {
  let policy: [Double]
  let reference: [Double]
  let cases: [JSON]

  init() throws {
    let folder = try #require(Bundle.module.url(forResource: "Goldens", withExtension: nil))
    let json = try JSON(parsing: Data(contentsOf: folder.appendingPathComponent("losses.json")))
    let pairs = try #require(json["pairs"]?.array)
    func sums(_ names: [String]) throws -> [Double] {
      try names.flatMap { name in
        try pairs.map { try #require($0[name]?.array).compactMap(\.double).reduce(0, +) }
      }
    }
    policy = try sums(["chosen", "rejected"])
    reference = try sums(["ref_chosen", "ref_rejected"])
    // The sigmoid loss with what this version knows of it.
    let known: Set = [
      "loss_type", "beta", "label_smoothing", "losses", "loss", "gradient_chosen", "gradient_rejected", "trl",
    ]
    cases = try #require(json["cases"]?.array).filter {
      $0["loss_type"]?.string == "sigmoid" && known.isSuperset(of: $0.object?.keys.map(\.self) ?? [])
    }
  }
}

@Suite("The loss of pairs, as the formula and TRL have it (Tools/reference/dpo.py)")
struct PreferenceLossTests {
  @Test(
    "Losses and gradients are those of the reference, in double and single precision",
    arguments: [(DType.float64, 1e-9), (.float32, 1e-5)])
  func golden(dtype: DType, tolerance: Double) throws {
    let golden = try Golden()
    #expect(golden.cases.count == 9)
    for expected in golden.cases {
      let loss = PreferenceLoss(
        beta: try #require(expected["beta"]?.double), labelSmoothing: expected["label_smoothing"]?.double ?? 0)
      let policy = try Tensor(golden.policy).to(dtype)
      try policy.setRequiresGrad(true)
      let result = try loss(policy: policy, reference: Tensor(golden.reference).to(dtype))
      try result.losses.mean().backward()

      func expectClose(_ tensor: Tensor, _ values: JSON?...) throws {
        let found: [Double] = try tensor.detached().to(.float64).array()
        let wanted = values.flatMap { $0?.array?.compactMap(\.double) ?? [] }
        try #require(found.count == wanted.count)
        for (found, wanted) in zip(found, wanted) {
          #expect(abs(found - wanted) <= tolerance * max(abs(wanted), 1), "\(loss)")
        }
      }
      try expectClose(result.losses, expected["losses"])
      try expectClose(result.losses.mean().unsqueeze(0), [expected["loss"] ?? .null])
      try expectClose(
        #require(try policy.gradient()), expected["gradient_chosen"], expected["gradient_rejected"])

      #expect(!result.rewards.requiresGrad)
      let rewards = zip(golden.policy, golden.reference).map { .number(loss.beta * ($0 - $1)) as JSON }
      try expectClose(result.rewards, .array(rewards))
    }
  }

  @Test("Where policy and reference agree every loss is log 2, smoothed or not", arguments: [0, 0.1, 0.3])
  func start(smoothing: Double) throws {
    let same = try Tensor([-3.5, -120, -7.25, -80] as [Float])
    let losses = try PreferenceLoss(labelSmoothing: smoothing)(policy: same, reference: same).losses.array(Float.self)
    for loss in losses { #expect(abs(Double(loss) - log(2)) < 1e-6) }
  }

  @Test("Far from the reference loss and gradient stay finite and right")
  func extremes() throws {
    let policy = try Tensor([-10, -50_000, -50_000, -10] as [Float])
    try policy.setRequiresGrad(true)
    let result = try PreferenceLoss(beta: 0.5)(policy: policy, reference: Tensor.zeros([4]))
    try result.losses.sum().backward()
    #expect(try result.losses.detached().array(Float.self) == [0, 24_995])
    #expect(try #require(try policy.gradient()).array(Float.self) == [0, -0.5, 0, 0.5])
  }
}
