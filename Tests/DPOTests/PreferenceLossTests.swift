import DPO
import Foundation
import OrderedJSON
import Testing
import Torch

/// Log-probabilities of the tokens of pairs, and what each loss makes of them; Tools/reference/dpo.py.
private struct Golden {
  /// The sides, chosen ones first: a number for each token.
  let policy: [[Double]]
  let reference: [[Double]]
  let logSumsOfSquares: [[Double]]
  let cases: [JSON]

  init() throws {
    let folder = try #require(Bundle.module.url(forResource: "Goldens", withExtension: nil))
    let json = try JSON(parsing: Data(contentsOf: folder.appendingPathComponent("losses.json")))
    let pairs = try #require(json["pairs"]?.array)
    func sides(_ prefix: String, _ suffix: String = "") throws -> [[Double]] {
      try ["chosen", "rejected"].flatMap { side in
        try pairs.map { try #require($0[prefix + side + suffix]?.array).compactMap(\.double) }
      }
    }
    (policy, reference, logSumsOfSquares) = (try sides(""), try sides("ref_"), try sides("", "_log_sum_sq"))
    cases = try #require(json["cases"]?.array)
  }

  var lengths: [Int] { policy.map(\.count) }
  var pairCount: Int { policy.count / 2 }

  /// What sums the tokens of each side, `[2 · pairs, tokens]`, where those after the shorter side's length count `excess`.
  func sums(excess: Double = 1) throws -> Tensor {
    let total = lengths.reduce(0, +)
    var rows = [[Double]](repeating: [Double](repeating: 0, count: total), count: lengths.count)
    var start = 0
    for (side, length) in lengths.enumerated() {
      let shorter = min(length, lengths[(side + pairCount) % lengths.count])
      for place in 0..<length { rows[side][start + place] = place < shorter ? 1 : excess }
      start += length
    }
    return try Tensor(rows.flatMap(\.self), shape: [lengths.count, total])
  }

  /// The pairs as a loss sees them, whose policy has gradients in `tokens`, `[tokens]`.
  func scores(_ tokens: Tensor, for loss: PreferenceLoss) throws -> PairScores {
    let dtype = tokens.dtype
    func summed(_ x: Tensor, _ matrix: Tensor) throws -> Tensor { try matrix.to(dtype).matmul(x.to(dtype)) }
    let (plain, weighted) = (try sums(), try sums(excess: loss.excessTokenWeight ?? 1))
    let reference = try Tensor(self.reference.flatMap(\.self))
    let squares = try summed(Tensor(logSumsOfSquares.flatMap(\.self)), plain)
    var statistics = [Tensor](repeating: try Tensor.zeros(squares.shape, dtype: dtype), count: 4)
    statistics[TokenPredictions.Statistic.logSumOfSquares.rawValue] = squares
    return PairScores(
      policy: try SideScores(
        logProbabilities: summed(tokens, weighted), tokenSums: summed(tokens, plain), statistics: .stack(statistics)),
      reference: loss.needsReference ? try summed(reference, weighted) : nil,
      lengths: try Tensor(lengths.map(Double.init)).to(dtype))
  }
}

extension PreferenceLoss {
  /// A loss as the golden file has it.
  fileprivate init(_ json: JSON) throws {
    let names = try #require(json["loss_type"]?.string).split(separator: " ")
    let weights = json["weights"]?.array?.compactMap(\.double) ?? names.map { _ in 1 }
    self.init(
      try zip(names, weights).map { Part(try #require(Objective(named: String($0))), weight: $1) },
      beta: try #require(json["beta"]?.double), labelSmoothing: json["label_smoothing"]?.double ?? 0)
    if let name = json["f_divergence"]?.string { divergence = try #require(Divergence(rawValue: name)) }
    divergenceCoefficient = json["alpha"]?.double ?? divergenceCoefficient
    weighsPairs = json["wpo"] == .bool(true)
    excessTokenWeight = json["ld_alpha"]?.double
    discopopTau = json["discopop_tau"]?.double ?? discopopTau
    cpoAlpha = json["cpo_alpha"]?.double ?? cpoAlpha
    simpoGamma = json["simpo_gamma"]?.double ?? simpoGamma
    dpopLambda = json["dpop_lambda"]?.double ?? dpopLambda
  }
}

@Suite("The loss of pairs, as the formulas and TRL have it (Tools/reference/dpo.py)")
struct PreferenceLossTests {
  @Test(
    "Every objective, modifier and mixture has the reference's losses and gradients, in double and single precision",
    arguments: [(DType.float64, 1e-9), (.float32, 1e-5)])
  func golden(dtype: DType, tolerance: Double) throws {
    let golden = try Golden()
    #expect(golden.cases.count == 126)
    for expected in golden.cases {
      let loss = try PreferenceLoss(expected)
      #expect(loss.undefinedCombination == nil)
      let tokens = try Tensor(golden.policy.flatMap(\.self)).to(dtype)
      try tokens.setRequiresGrad(true)
      let scores = try golden.scores(tokens, for: loss)
      let result = try loss(scores)
      try result.losses.mean().backward()

      func expectClose(_ tensor: Tensor, _ wanted: [Double], _ what: String) throws {
        let found: [Double] = try tensor.detached().to(.float64).array()
        try #require(found.count == wanted.count)
        // In single precision a difference of numbers this large has fewer digits.
        let scale = max(1, wanted.lazy.map(abs).max() ?? 0)
        for (found, wanted) in zip(found, wanted) {
          #expect(abs(found - wanted) <= tolerance * scale, "\(what) of \(loss)")
        }
      }
      func numbers(_ name: String) -> [Double] { expected[name]?.array?.compactMap(\.double) ?? [] }
      // The mean over tokens is in the golden file for each pair, and here each pair has its part of it.
      let isPairwise =
        !loss.couplesPairs && loss.parts.allSatisfy { !["sft", "cpo", "orpo"].contains($0.objective.name) }
      if isPairwise { try expectClose(result.losses, numbers("losses"), "losses") }
      try expectClose(result.losses.mean().unsqueeze(0), [#require(expected["loss"]?.double)], "loss")
      let sides = ["chosen", "rejected"].flatMap { expected["gradient_\($0)_tokens"]?.array ?? [] }
      let gradients =
        sides.isEmpty
        ? zip(numbers("gradient_chosen") + numbers("gradient_rejected"), golden.lengths).flatMap {
          [Double](repeating: $0, count: $1)
        } : sides.flatMap { $0.array?.compactMap(\.double) ?? [] }
      try expectClose(#require(try tokens.gradient()), gradients, "gradient")

      #expect(!result.rewards.requiresGrad)
      if let reference = scores.reference {
        let rewards = try scores.policy.logProbabilities.detached().subtract(reference).multiply(loss.beta)
        #expect(try difference(result.rewards, rewards) < 1e-6)
      }
    }
  }

  @Test(
    "Where a batch is divided, each part with the couplings of the whole has the whole's losses and gradients",
    arguments: Objective.all.map(\.name))
  func divided(name: String) throws {
    let golden = try Golden()
    let objective = try #require(Objective(named: name))
    let loss = PreferenceLoss(objective, beta: 0.2, labelSmoothing: name == "exo_pair" ? 0.1 : 0)
    func gradient(_ body: (PairScores) throws -> Tensor) throws -> ([Double], [Double]) {
      let tokens = try Tensor(golden.policy.flatMap(\.self))
      try tokens.setRequiresGrad(true)
      let losses = try body(golden.scores(tokens, for: loss))
      try losses.sum().backward()
      return (try losses.detached().array(), try #require(try tokens.gradient()).array())
    }
    let whole = try gradient { try loss($0).losses }
    let divided = try gradient { scores in
      let couplings = try loss.couplings(of: scores)
      let length = try scores.lengths.narrow(0, 0, golden.pairCount).mean()
      // In another order, two and four pairs.
      let parts = try [[3, 0], [5, 1, 4, 2]].map { pairs in
        let places = try Tensor(pairs + pairs.map { $0 + golden.pairCount })
        let part = PairScores(
          policy: try SideScores(
            logProbabilities: scores.policy.logProbabilities.indexSelect(0, places),
            tokenSums: scores.policy.tokenSums.indexSelect(0, places),
            statistics: scores.policy.statistics.indexSelect(1, places)),
          reference: try scores.reference?.indexSelect(0, places), lengths: try scores.lengths.indexSelect(0, places),
          meanChosenLength: length)
        return try loss(part, couplings: couplings?.indexSelect(1, Tensor(pairs))).losses
      }
      return try Tensor.concatenate(parts).indexSelect(0, Tensor([1, 3, 5, 0, 4, 2]))
    }
    for (found, expected) in zip(divided.0 + divided.1, whole.0 + whole.1) {
      #expect(abs(found - expected) < 1e-12 * max(1, abs(expected)))
    }
  }

  @Test("Padding changes neither losses nor gradients, whatever the objective", arguments: Objective.all.map(\.name))
  func padding(name: String) throws {
    let golden = try Golden()
    let objective = try #require(Objective(named: name))
    let loss = PreferenceLoss(objective, beta: 0.2, labelSmoothing: name == "exo_pair" ? 0.1 : 0)
    let tokens = try Tensor(golden.policy.flatMap(\.self))
    try tokens.setRequiresGrad(true)
    let scores = try golden.scores(tokens, for: loss)
    let couplings = try loss.couplings(of: scores)
    let expected = try loss(scores, couplings: couplings).losses
    try expected.sum().backward()
    let gradient = try #require(try tokens.gradient()).array(Double.self)
    try tokens.setGradient(nil)
    let again = try golden.scores(tokens, for: loss)

    // Two pairs of zeros after those of each side.
    func padded(_ x: Tensor) throws -> Tensor {
      let zeros = try Tensor.zeros([2], dtype: x.dtype)
      return try .concatenate([
        x.narrow(0, 0, golden.pairCount), zeros, x.narrow(0, golden.pairCount, golden.pairCount), zeros,
      ])
    }
    let more = PairScores(
      policy: try SideScores(
        logProbabilities: padded(again.policy.logProbabilities), tokenSums: padded(again.policy.tokenSums)),
      reference: try scores.reference.map(padded), lengths: try padded(scores.lengths),
      meanChosenLength: try scores.lengths.narrow(0, 0, golden.pairCount).mean(),
      weights: try Tensor((0..<golden.pairCount + 2).map { $0 < golden.pairCount ? 1.0 : 0 }))
    let zeros = try Tensor.zeros([loss.couplingCount, 2], dtype: .float64)
    let found = try loss(
      more, couplings: couplings.map { try .concatenate([$0, zeros], dim: 1) }
    ).losses
    try found.sum().backward()
    #expect(try found.detached().array(Double.self) == expected.detached().array() + [0, 0])
    #expect(try #require(try tokens.gradient()).array(Double.self) == gradient)
  }

  @Test(
    "What a loss is while policy and reference are the same is computed where it does not depend on the pairs",
    arguments: [
      ("sigmoid", log(2)), ("hinge", 1), ("ipo", 1 / (4 * 0.2 * 0.2)), ("nca_pair", 2 * log(2)), ("robust", log(2)),
      ("bco_pair", 2 * log(2)), ("sppo_hard", 2 / (4 * 0.2 * 0.2)), ("aot", log(2)), ("aot_unpaired", log(2)),
      ("apo_zero", 1), ("apo_down", 1), ("discopop", 0.5 * log(2) + 0.5), ("sigmoid_norm", log(2)), ("dpop", log(2)),
      ("sft", nil), ("cpo", nil), ("simpo", nil), ("orpo", nil),
    ] as [(String, Double?)])
  func start(name: String, expected: Double?) throws {
    let objective = try #require(Objective(named: name))
    let found = try PreferenceLoss(objective, beta: 0.2).valueAtReference()
    if let expected {
      #expect(abs(try #require(found) - expected) < 1e-12)
    } else {
      #expect(found == nil)
    }
    // Half a supervised loss is as unknown as a whole one.
    let mixed = PreferenceLoss([.init(objective), .init(try #require(Objective(named: "sft")), weight: 0.5)])
    #expect(try mixed.valueAtReference() == nil)
  }

  @Test("The start is known with every divergence, and not where pairs have weights of their own")
  func startOfModified() throws {
    for divergence in Divergence.allCases {
      var loss = PreferenceLoss(.ipo, beta: 0.2)
      loss.divergence = divergence
      #expect(abs(try #require(try loss.valueAtReference()) - 6.25) < 1e-12)
    }
    var weighted = PreferenceLoss()
    weighted.weighsPairs = true
    #expect(try weighted.valueAtReference() == nil)
    let sum = PreferenceLoss([.init(.sigmoid, weight: 0.5), .init(.hinge, weight: 2)])
    #expect(abs(try #require(try sum.valueAtReference()) - (0.5 * log(2) + 2)) < 1e-12)
  }

  @Test("Combinations that are not defined are named with the option and the loss")
  func undefined() throws {
    func reason(_ names: [String], _ change: (inout PreferenceLoss) -> Void) throws -> String {
      var loss = PreferenceLoss(try names.map { .init(try #require(Objective(named: $0))) })
      change(&loss)
      return loss.undefinedCombination ?? ""
    }
    #expect(try reason(["hinge"]) { $0.labelSmoothing = 0.1 }.contains("--label-smoothing is not defined for hinge"))
    #expect(try reason(["hinge", "sigmoid"]) { $0.labelSmoothing = 0.1 }.isEmpty)
    #expect(try reason(["exo_pair"]) { _ in }.contains("exo_pair needs a --label-smoothing"))
    #expect(
      try reason(["sigmoid", "nca_pair"]) { $0.divergence = .forwardKL }
        .contains("--f-divergence-type forward_kl is not defined for nca_pair"))
    #expect(
      try reason(["sigmoid", "aot"]) { $0.weighsPairs = true }.contains("--use-weighting is not defined for aot"))
    #expect(try reason(["sft"]) { $0.weighsPairs = true }.contains("--use-weighting is not defined for sft"))
    #expect(try reason(["simpo"]) { $0.excessTokenWeight = 0.5 }.contains("--ld-alpha is not defined for simpo"))
    #expect(try reason([]) { _ in }.contains("names no loss"))
  }

  @Test("Only objectives that compare with a reference need one")
  func reference() throws {
    let free = Set(Objective.all.filter { !PreferenceLoss($0).needsReference }.map(\.name))
    #expect(free == ["sft", "cpo", "simpo", "orpo"])
    #expect(Set(Objective.all.map(\.name)).count == 19)
    #expect(PreferenceLoss([.init(.sft), .init(.sigmoid)]).needsReference)
  }

  @Test("Far from the reference loss and gradient stay finite and right")
  func extremes() throws {
    let policy = try Tensor([-10, -50_000, -50_000, -10] as [Float])
    try policy.setRequiresGrad(true)
    let scores = PairScores(
      policy: try SideScores(logProbabilities: policy), reference: try .zeros([4]), lengths: try .ones([4]))
    let result = try PreferenceLoss(beta: 0.5)(scores)
    try result.losses.sum().backward()
    #expect(try result.losses.detached().array(Float.self) == [0, 24_995])
    #expect(try #require(try policy.gradient()).array(Float.self) == [0, -0.5, 0, 0.5])
  }

  private func difference(_ one: Tensor, _ other: Tensor) throws -> Double {
    try one.to(.float64).subtract(other.to(.float64)).abs().max().item()
  }
}
