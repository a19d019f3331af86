import Testing
import Torch

@Suite("Large matmuls, which do not run in LibTorch on most processors")
struct MatmulTests {
  private static let (rows, size, inner) = (600, 768, 960)

  /// Weights side by side in one buffer, as a model has them, or each in separate memory.
  private static func weights(_ shapes: [[Int]], joined: Bool) throws -> [Tensor] {
    let apart = try shapes.enumerated().map { try variable($1, seed: UInt64($0 + 1), dtype: .float32) }
    guard joined else { return apart }
    let views = try FlatBuffer(shapes: shapes).views
    for (view, weight) in zip(views, apart) {
      try withoutGrad { try view.copyInPlace(weight) }
      try view.setRequiresGrad(true)
    }
    return views
  }

  /// Compares a fused operator with LibTorch's in float64.
  private func compare(
    _ shapes: [[Int]], joined: Bool, withGradientMemory: Bool, fused: (Tensor, [Tensor]) throws -> Tensor,
    plain: (Tensor, [Tensor]) throws -> Tensor
  ) throws {
    let input = try variable([Self.rows, Self.size], seed: 9, dtype: .float32)
    let weights = try Self.weights(shapes, joined: joined)
    let exact = try ([input] + weights).map { tensor in
      let copy = try withoutGrad { try tensor.to(DType.float64) }
      try copy.setRequiresGrad(true)
      return copy
    }
    let expected = try Operator.evaluate({ try plain($0[0], Array($0.dropFirst())) }, exact)
    if withGradientMemory {
      for (weight, view) in zip(weights, try FlatBuffer(shapes: shapes).views) { try weight.setGradient(view) }
    } else {
      for weight in weights { try weight.setGradient(nil) }
    }
    let value = try fused(input, weights)
    try Operator.weighted(value).backward()
    #expect(try difference(value.detached().to(DType.float64), expected.value) < 1e-5)
    for (tensor, gradient) in zip([input] + weights, expected.gradients) {
      let found = try #require(try tensor.gradient())
      #expect(try difference(found.to(DType.float64), gradient) < 1e-5)
    }
  }

  @Test(
    "Projections, with adjacent weights or not, with gradients in place or not", arguments: [true, false],
    [true, false])
  func projections(joined: Bool, withGradientMemory: Bool) throws {
    try compare(
      [[Self.inner, Self.size], [Self.inner / 2, Self.size], [Self.inner / 2, Self.size]], joined: joined,
      withGradientMemory: withGradientMemory
    ) {
      try Torch.projections($0, weights: $1.map { Weight($0) })
    } plain: { input, weights in
      try Tensor.concatenate(weights.map { try linear(input, weight: $0) }, dim: 1)
    }
  }

  @Test("A single projection")
  func single() throws {
    try compare([[Self.inner, Self.size]], joined: false, withGradientMemory: false) {
      try Torch.projections($0, weights: $1.map { Weight($0) })
    } plain: {
      try linear($0, weight: $1[0])
    }
  }

  @Test("SwiGLU and its projection")
  func swiGLU() throws {
    try compare([[Self.inner, Self.size / 2]], joined: false, withGradientMemory: true) {
      try swiGLUProjection($0, weight: Weight($1[0]))
    } plain: {
      let half = Self.size / 2
      return try linear($0.narrow(1, 0, half).silu().multiply($0.narrow(1, half, half)), weight: $1[0])
    }
  }

  @Test("Log-probabilities, logits kept or computed again", arguments: [true, false])
  func logProbabilities(keepingLogits: Bool) throws {
    let targets = try Tensor((0..<Self.rows).map { Int64($0 * 37 % 2_000) })
    // Keeps log-probabilities small, so that errors come from the matmuls.
    let scale = 0.02
    try compare([[2_000, Self.size]], joined: false, withGradientMemory: true) {
      try Torch.logProbabilities(
        $0.multiply(scale), weight: Weight($1[0]), targets: targets, keepsLogits: keepingLogits)
    } plain: {
      let scores = try linear($0.multiply(scale), weight: $1[0])
      return try scores.gather(1, targets.unsqueeze(1)).squeeze(1).subtract(scores.logSumExp(1))
    }
  }

  @Test(
    "Numbers about each distribution are those of plain operators, and log-probabilities stay as they are",
    arguments: [(3, 5), (4, 6_400), (2, 6_403), (1, 32)].flatMap { size in
      [DType.float32, .float64].map { (size.0, size.1, $0) }
    })
  func statistics(rows: Int, words: Int, dtype: DType) throws {
    let hidden = try variable([rows, Self.size], seed: 3, dtype: dtype).detached().multiply(0.1)
    let weight = try variable([words, Self.size], seed: 4, dtype: dtype).detached()
    let scores = try linear(hidden, weight: weight)
    // The first target is the likeliest token, the others are not.
    let first = try scores.select(0, 0).argmax().intItem()
    let targets = try Tensor((0..<rows).map { ($0 * 37 + first) % words })
    let found = try tokenPredictions(hidden, weight: Weight(weight), targets: targets, keepsLogits: true)
    let expected = try plainStatistics(scores.to(.float64), targets)
    let error = try found.statistics.to(.float64).subtract(expected).abs().max().item()
    #expect(error < (dtype == .float64 ? 1e-11 : 2e-5))
    #expect(try expected.select(0, 2).select(0, 0).item() == 1)
    #expect(!found.statistics.requiresGrad)
    let alone = try Torch.logProbabilities(hidden, weight: Weight(weight), targets: targets, keepsLogits: true)
    #expect(try found.logProbabilities.subtract(alone).abs().max().item() == 0)
  }

  @Test("The gradient of an improbable token is as exact as those of others")
  func unlikelyWords() throws {
    let (words, likely) = (2_000, 1_000)
    let hidden = try variable([Self.rows, Self.size], seed: 1, dtype: .float32).detached().multiply(0.02)
    let weight = try variable([words, Self.size], seed: 2, dtype: .float32).detached()
    // Logits of the others are lower by 20.
    try hidden.narrow(1, 0, 1).fillInPlace(1)
    try weight.narrow(0, likely, words - likely).narrow(1, 0, 1).fillInPlace(-20)
    let targets = try Tensor((0..<Self.rows).map { Int64($0 * 37 % likely) })
    func gradient(_ dtype: DType, _ body: (Tensor, Tensor) throws -> Tensor) throws -> Tensor {
      let (states, table) = (try hidden.to(dtype), try weight.to(dtype).clone())
      try table.setRequiresGrad(true)
      try body(states, table).sum().backward()
      return try #require(try table.gradient()).to(DType.float64).narrow(0, likely, words - likely)
    }
    let exact = try gradient(.float64) { states, table in
      let scores = try linear(states, weight: table)
      return try scores.gather(1, targets.unsqueeze(1)).squeeze(1).subtract(scores.logSumExp(1))
    }
    let found = try gradient(.float32) { states, table in
      try Torch.logProbabilities(states, weight: Weight(table), targets: targets, keepsLogits: true)
    }
    let largest = try exact.abs().max().item()
    #expect(largest < 1e-4)
    #expect(try found.subtract(exact).abs().max().item() < 1e-4 * largest)
  }
}

private let instructionSets = StrassenMatmul.InstructionSet.allCases.filter(\.isThere)

@Suite(
  "Matmuls by Strassen's algorithm",
  .enabled(if: !instructionSets.isEmpty, "this processor has neither AVX2 nor AVX-512"))
struct StrassenTests {
  /// A product `[rows, inner]` by `[inner, columns]`.
  struct Size: Sendable, CustomTestStringConvertible {
    let rows: Int
    let columns: Int
    let inner: Int

    init(_ rows: Int, _ columns: Int, _ inner: Int) {
      (self.rows, self.columns, self.inner) = (rows, columns, inner)
    }
    var testDescription: String { "[\(rows), \(inner)] by [\(inner), \(columns)]" }
  }

  /// All kinds of edges: less than a tile, halves of different lengths, several blocks in each dimension.
  static let sizes = [
    Size(1, 1, 1), Size(2, 3, 5), Size(7, 64, 9), Size(28, 64, 2), Size(29, 65, 13), Size(300, 33, 100),
    Size(101, 700, 1301), Size(1601, 40, 3), Size(800, 5250, 17), Size(90, 130, 1283),
  ]

  /// The layout of a factor, which is part of a larger matrix that is NaN elsewhere.
  enum Layout: CaseIterable {
    case rows
    case columns

    func matrix(_ rows: Int, _ columns: Int, seed: UInt64) throws -> Tensor {
      let shape = self == .rows ? [rows, columns] : [columns, rows]
      let surroundings = try Tensor.full([shape[0] + 2, shape[1] + 3], .nan)
      let place = try surroundings.narrow(0, 1, shape[0]).narrow(1, 2, shape[1])
      try place.fillNormal(from: Generator(seed: seed))
      return self == .rows ? place : try place.transpose(0, 1)
    }
  }

  /// Compares products with LibTorch's in float64 and in float32.
  private func compare(_ set: StrassenMatmul.InstructionSet, _ size: Size) throws {
    for left in Layout.allCases {
      for right in Layout.allCases {
        let a = try left.matrix(size.rows, size.inner, seed: 1)
        let b = try right.matrix(size.inner, size.columns, seed: 2)
        let exact = try a.to(DType.float64).matmul(b.to(DType.float64))
        // Only the result may be written, and it may be read only if it is added to.
        for adds in [false, true] {
          let surroundings = try Tensor.full([size.rows + 2, size.columns + 3], adds ? 3 : .nan)
          let place = try surroundings.narrow(0, 1, size.rows).narrow(1, 2, size.columns)
          try StrassenMatmul.multiply(a, b, into: place, adds: adds, with: set)
          let found = try place.to(DType.float64).subtract(adds ? 3 : 0)
          #expect(try difference(found, exact) < 2e-6, "\(left), \(right), adding: \(adds)")
          try place.fillInPlace(adds ? 3 : .nan)
          let untouched = try Tensor.full([size.rows + 2, size.columns + 3], adds ? 3 : .nan)
          #expect(try sameBits(surroundings, untouched))
        }
      }
    }
  }

  @Test(
    "Products agree with float64 for all layouts of the factors, and only the result is written",
    arguments: instructionSets, sizes)
  func product(set: StrassenMatmul.InstructionSet, size: Size) throws { try compare(set, size) }

  @Test(
    "Products agree with float64 for any number of threads", arguments: [1, 3, 4, 7, 16],
    [Size(600, 700, 1301), Size(300, 33, 100)])
  func threads(count: Int, size: Size) throws {
    let before = Runtime.threadCount
    Runtime.threadCount = count
    defer { Runtime.threadCount = before }
    for set in instructionSets { try compare(set, size) }
  }

  @Test("Errors are about twice those of a plain matmul", arguments: instructionSets)
  func errors(set: StrassenMatmul.InstructionSet) throws {
    let a = try Layout.rows.matrix(800, 768, seed: 1)
    let b = try Layout.columns.matrix(768, 1536, seed: 2)
    let exact = try a.to(DType.float64).matmul(b.to(DType.float64))
    func error(_ product: Tensor) throws -> Double {
      let errors = try product.to(DType.float64).subtract(exact)
      return try errors.multiply(errors).mean().item().squareRoot()
    }
    let product = try Tensor.empty([800, 1536])
    try StrassenMatmul.multiply(a, b, into: product, adds: false, with: set)
    #expect(try error(product) < 3 * error(a.matmul(b)))
  }

  @Test("Repeated products have the same bits")
  func repeated() throws {
    let set = try #require(instructionSets.last)
    let a = try Layout.rows.matrix(1_001, 1_500, seed: 1)
    let b = try Layout.columns.matrix(1_500, 403, seed: 2)
    let (first, second) = (try Tensor.empty([1_001, 403]), try Tensor.empty([1_001, 403]))
    for out in [first, second] { try StrassenMatmul.multiply(a, b, into: out, adds: false, with: set) }
    #expect(try sameBits(first, second))
  }

  @Test("Large projections use it, small ones use LibTorch")
  func chosen() throws {
    let set = try #require(instructionSets.last)
    for (rows, isLarge) in [(512, true), (511, false)] {
      let input = try Layout.rows.matrix(rows, 512, seed: 1)
      let weight = try Layout.rows.matrix(512, 512, seed: 2)
      let expected = try Tensor.empty([rows, 512])
      if isLarge {
        try StrassenMatmul.multiply(input, weight.transpose(0, 1), into: expected, adds: false, with: set)
      } else {
        try expected.copyInPlace(input.matmul(weight.transpose(0, 1)))
      }
      #expect(try sameBits(projections(input, weights: [Weight(weight)]), expected), "\(rows) rows")
    }
  }

  @Test("Arguments that do not match are refused")
  func refusals() throws {
    let set = try #require(instructionSets.first)
    func refuses(_ a: [Int], _ b: [Int], into out: () throws -> Tensor) throws {
      let (a, b, out) = (try Tensor.zeros(a), try Tensor.zeros(b), try out())
      #expect(throws: TorchError.self) { try StrassenMatmul.multiply(a, b, into: out, adds: false, with: set) }
    }
    try refuses([4, 5], [4, 5]) { try Tensor.zeros([4, 5]) }
    try refuses([4, 5], [5, 6]) { try Tensor.zeros([4, 5]) }
    try refuses([4, 5], [5, 6]) { try Tensor.zeros([4, 6], dtype: .float64) }
    try refuses([4, 5], [5, 6]) { try Tensor.zeros([6, 4]).transpose(0, 1) }
    try refuses([4, 5], [5, 6]) { try Tensor.zeros([1, 6]).expand([4, 6]) }
    try refuses([4, 0], [0, 6]) { try Tensor.zeros([4, 6]) }
    try refuses([0, 5], [5, 6]) { try Tensor.zeros([0, 6]) }
  }

  @Test("A copy of a large weight that does not fit it is refused")
  func misshapenCopy() throws {
    let weight = Weight(try Tensor.zeros([768, 768]), copy: try Tensor.zeros([768, 512], dtype: .bfloat16))
    let input = try Tensor.zeros([600, 768])
    #expect(throws: TorchError.self) { try projections(input, weights: [weight]) }
  }
}
