import Testing
import Torch

/// A call that must fail, and the operator that its error must name.
struct Mistake: Sendable, CustomTestStringConvertible {
  let name: String
  let call: @Sendable () throws -> Void
  let sourceLocation: SourceLocation

  init(_ name: String, sourceLocation: SourceLocation = #_sourceLocation, call: @escaping @Sendable () throws -> Void) {
    self.name = name
    self.call = call
    self.sourceLocation = sourceLocation
  }

  var testDescription: String { "\(name) (line \(sourceLocation.line))" }
}

@Suite("Errors") struct ErrorTests {
  static let mistakes: [Mistake] = [
    Mistake("add") { _ = try Tensor.zeros([2]).add(Tensor.zeros([3])) },
    Mistake("matmul") { _ = try Tensor.zeros([2, 3]).matmul(Tensor.zeros([2, 3])) },
    Mistake("matmul") { _ = try Tensor.zeros([2, 2]).matmul(Tensor.zeros([2, 2], dtype: .float64)) },
    Mistake("choose") { _ = try Tensor.zeros([2]).choose(Tensor.zeros([2]), Tensor.zeros([2])) },
    Mistake("maskedFill") { _ = try Tensor.zeros([2]).maskedFill(Tensor.zeros([2]), 0) },
    Mistake("lowerTriangle") { _ = try Tensor.zeros([2]).lowerTriangle() },
    Mistake("addInPlace") { try Tensor.zeros([2]).addInPlace(Tensor.zeros([3])) },
    Mistake("copyInPlace") { try Tensor.zeros([2]).copyInPlace(Tensor.zeros([3])) },
    Mistake("reshape") { _ = try Tensor.zeros([2, 3]).reshape([4]) },
    Mistake("reshape") { _ = try Tensor.zeros([2, 3]).reshape([-1, -1]) },
    Mistake("view") { _ = try Tensor.zeros([2, 3]).transpose(0, 1).view([6]) },
    Mistake("expand") { _ = try Tensor.zeros([2, 3]).expand([2, 4]) },
    Mistake("transpose") { _ = try Tensor.zeros([2, 3]).transpose(0, 2) },
    Mistake("permute") { _ = try Tensor.zeros([2, 3]).permute([0, 0]) },
    Mistake("narrow") { _ = try Tensor.zeros([2, 3]).narrow(1, 2, 2) },
    Mistake("narrow") { _ = try Tensor.zeros([2, 3]).narrow(1, 0, -1) },
    Mistake("select") { _ = try Tensor.zeros([2, 3]).select(1, 3) },
    Mistake("unsqueeze") { _ = try Tensor.zeros([2, 3]).unsqueeze(5) },
    Mistake("squeeze") { _ = try Tensor.zeros([2, 3]).squeeze(2) },
    Mistake("split") { _ = try Tensor.zeros([4]).split([1, 2]) },
    Mistake("concatenate") { _ = try Tensor.concatenate([.zeros([2, 3]), .zeros([2, 2])]) },
    Mistake("concatenate") { _ = try Tensor.concatenate([]) },
    Mistake("stack") { _ = try Tensor.stack([.zeros([2]), .zeros([3])]) },
    Mistake("stack") { _ = try Tensor.stack([]) },
    Mistake("to") { _ = try Tensor.zeros([2]).to(device: .cuda(1_000_000)) },
    Mistake("size") { _ = try Tensor.zeros([2]).size(1) },
    Mistake("sum") { _ = try Tensor.zeros([2]).sum(1) },
    Mistake("mean") { _ = try Tensor.zeros([2], dtype: .int64).mean() },
    Mistake("max") { _ = try Tensor.zeros([0]).max() },
    Mistake("argmax") { _ = try Tensor.zeros([0]).argmax() },
    Mistake("softmax") { _ = try Tensor.zeros([2]).softmax(Int.max) },
    Mistake("softmax") { _ = try Tensor.zeros([2], dtype: .int64).softmax(0) },
    Mistake("cumulativeSum") { _ = try Tensor.zeros([2]).cumulativeSum(-2) },
    Mistake("sorted") { _ = try Tensor.zeros([2]).sorted(1) },
    Mistake("top") { _ = try Tensor.zeros([2]).top(3) },
    Mistake("top") { _ = try Tensor.zeros([2]).top(-1) },
    Mistake("indexSelect") { _ = try Tensor.zeros([2]).indexSelect(0, Tensor([2])) },
    Mistake("indexSelect") { _ = try Tensor.zeros([2]).indexSelect(0, Tensor.zeros([1])) },
    Mistake("gather") { _ = try Tensor.zeros([2]).gather(0, Tensor([-1])) },
    Mistake("gather") { _ = try Tensor.zeros([2]).gather(0, Tensor.zeros([1])) },
    Mistake("indexAdd") { _ = try Tensor.zeros([2]).indexAdd(0, Tensor([2]), Tensor.zeros([1])) },
    Mistake("indexAdd") { _ = try Tensor.zeros([2]).indexAdd(0, Tensor([0]), Tensor.zeros([2])) },
    Mistake("linear") { _ = try linear(.zeros([2, 3]), weight: .zeros([4, 2])) },
    Mistake("linear") { _ = try linear(.zeros([2, 3]), weight: .zeros([4, 3], dtype: .bfloat16)) },
    Mistake("embedding") { _ = try embedding(Tensor([3]), weight: .zeros([3, 2])) },
    Mistake("embedding") { _ = try embedding(Tensor([-1]), weight: .zeros([3, 2])) },
    Mistake("embedding") { _ = try embedding(.zeros([1]), weight: .zeros([3, 2])) },
    Mistake("rmsNorm") { _ = try rmsNorm(.zeros([2, 3]), weight: .zeros([2]), epsilon: 1e-6) },
    Mistake("scaledDotProductAttention") { try attention(queryHeads: 2, keyHeads: 2, keySize: 3) },
    Mistake("scaledDotProductAttention") { try attention(queryHeads: 3, keyHeads: 2) },
    Mistake("scaledDotProductAttention") { try attention(queryHeads: 2, keyHeads: 2, rank: 2) },
    Mistake("scaledDotProductAttention") {
      try attention(queryHeads: 2, keyHeads: 2, mask: .zeros([5, 5]), causal: true)
    },
    Mistake("scaledDotProductAttention") { try attention(queryHeads: 2, keyHeads: 2, mask: .zeros([5, 7])) },
    Mistake("empty") { _ = try Tensor.empty([-1]) },
    Mistake("full") { _ = try Tensor.zeros([2], device: .cuda(300)) },
    Mistake("Tensor") { _ = try Tensor([1, 2, 3], shape: [2, 2]) },
    Mistake("Tensor") { _ = try Tensor([1, 2], shape: [-1, -2]) },
    Mistake("Tensor") { _ = try Tensor([Int](), shape: [1 << 62, 4]) },
    Mistake("Tensor(mapping:)") {
      let memory = OwnedMemory(byteCount: 8)
      _ = try Tensor(mapping: memory.start, shape: [-2], dtype: .float32, keepingAlive: memory)
    },
    Mistake("array") { _ = try Tensor([1, 2]).array(Float.self) },
    Mistake("item") { _ = try Tensor([1, 2]).item() },
    Mistake("item") { _ = try Tensor([Float]()).item() },
    Mistake("intItem") { _ = try Tensor([1e30]).intItem() },
    Mistake("setRequiresGrad") { try Tensor([1, 2]).setRequiresGrad(true) },
    Mistake("setGradient") { try Tensor.zeros([2]).setGradient(.zeros([3])) },
    Mistake("setGradient") { try Tensor.zeros([2]).setGradient(.zeros([2], dtype: .float64)) },
    Mistake("backward") { try Tensor.zeros([]).backward() },
    Mistake("backward") { try variable([2]).multiply(2).backward() },
    Mistake("backward") { try variable([2]).multiply(2).backward(.ones([3])) },
    Mistake("backward") {
      let loss = try variable([2]).power(2).sum()
      try loss.backward()
      try loss.backward()
    },
    Mistake("multiplyInPlace") { try variable([2]).multiplyInPlace(2) },
    Mistake("Generator") { _ = try Generator(seed: 1, device: .cuda(1_000_000)) },
    Mistake("Generator.restore") { try Generator(seed: 1).restore(.zeros([3], dtype: .uint8)) },
    Mistake("Generator.restore") { try Generator(seed: 1).restore(.zeros([3])) },
    Mistake("fillNormal") { try Tensor.zeros([2]).fillNormal(deviation: -1, from: Generator(seed: 1)) },
    Mistake("fillNormal") { try Tensor.zeros([2], dtype: .int64).fillNormal(from: Generator(seed: 1)) },
    Mistake("fillUniform") { try Tensor.zeros([2]).fillUniform(low: 1, high: 0, from: Generator(seed: 1)) },
    Mistake("sample") { _ = try Tensor([0.5, 0.5]).sample(3, from: Generator(seed: 1)) },
    Mistake("sample") { _ = try Tensor([-1.0, 0.5]).sample(1, from: Generator(seed: 1)) },
    Mistake("AdamW") { _ = try AdamW(parameters: FlatBuffer(shapes: [[2]]), gradients: FlatBuffer(shapes: [[3]])) },
    Mistake("AdamW") {
      let buffer = try FlatBuffer(shapes: [[2], [3]])
      // The same number of elements, but the second parameter's copy has another offset.
      _ = try AdamW(
        parameters: buffer, gradients: buffer, copies: FlatBuffer(shapes: [[2], [3]], dtype: .bfloat16))
    },
    Mistake("AdamW.step") {
      let buffer = try FlatBuffer(shapes: [[2]], dtype: .int64)
      try AdamW(parameters: buffer, gradients: buffer).step(learningRate: 1)
    },
    Mistake("sumOfSquares") { _ = try sumOfSquares([]) },
    Mistake("sumOfSquares") { _ = try sumOfSquares([.zeros([2], dtype: .float64)]) },
    Mistake("GradientScaling") { _ = try GradientScaling(sumOfSquares: .zeros([]), maximum: 1) },
    Mistake("GradientScaling") { _ = try GradientScaling(sumOfSquares: .zeros([2], dtype: .float64), maximum: 1) },
  ]

  @Test("Errors name the operator and the reason", arguments: mistakes)
  func operatorAndReason(mistake: Mistake) throws {
    let location = mistake.sourceLocation
    let error = try #require(throws: TorchError.self, sourceLocation: location, performing: mistake.call)
    #expect(error.operatorName == mistake.name, sourceLocation: location)
    #expect(error.kind == .failed, sourceLocation: location)
    #expect(!error.reason.isEmpty, sourceLocation: location)
    #expect(error.description.hasPrefix("\(mistake.name): "), sourceLocation: location)
    // Places in LibTorch's source do not help users.
    #expect(!error.description.contains("frame #"), sourceLocation: location)
    #expect(!error.description.contains("Exception raised from"), sourceLocation: location)
  }

  @Test(
    "Impossible allocations differ from other errors",
    arguments: [
      [1 << 60], [1 << 40, 1 << 18], [1 << 61, 4], [1 << 62],
    ])
  func allocations(shape: [Int]) throws {
    let error = try #require(throws: TorchError.self) { try Tensor.empty(shape) }
    #expect(error.kind == .outOfMemory, "\(error)")
    #expect(error.operatorName == "empty")
  }

  @Test("Out-of-memory errors name the operator")
  func outOfMemory() throws {
    let row = try Tensor.zeros([1]).expand([1 << 58])
    let error = try #require(throws: TorchError.self) { try row.exp() }
    #expect(error.kind == .outOfMemory, "\(error)")
    #expect(error.operatorName == "exp")
  }

  @Test("The error of array says how to get the elements")
  func arrayError() throws {
    let error = try #require(throws: TorchError.self) { try Tensor([1, 2]).array(Float.self) }
    #expect(error.description == "array: the tensor holds int64, not float32: convert it with to(.float32)")
  }

  private static func attention(
    queryHeads: Int, keyHeads: Int, keySize: Int = 4, rank: Int = 4, mask: Tensor? = nil, causal: Bool = false
  ) throws {
    func heads(_ count: Int, _ size: Int) throws -> Tensor { try .zeros(Array([1, count, 5, size].suffix(rank))) }
    _ = try scaledDotProductAttention(
      query: heads(queryHeads, 4), key: heads(keyHeads, keySize), value: heads(keyHeads, 4), mask: mask,
      causal: causal, scale: 0.5)
  }

  private static func variable(_ shape: [Int]) throws -> Tensor {
    let tensor = try Tensor.ones(shape)
    try tensor.setRequiresGrad(true)
    return tensor
  }
}
