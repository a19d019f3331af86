import Testing
import Torch

/// One tensor left behind in each round would be 750 MB; other tests run meanwhile, and take memory of the same process.
private let bound = 512 << 20

@Suite struct `Memory of tensors` {
  @Test(.enabled(if: OwnedMemory.resident() != nil, "the system has no /proc/self/statm"))
  func `does not grow over 120,000 operations, with and without graphs, nor over errors`() throws {
    let count = 16 << 10  // 64 KB each
    let weight = try Tensor.ones([count])
    try weight.setRequiresGrad(true)

    func round() throws {
      let x = try Tensor.full([count], 0.5)
      let product = try x.multiply(weight)
      _ = try product.split([count / 2, count / 2])
      _ = try product.detached().sorted(0)
      try product.sum().backward()
      _ = try weight.gradient()
      try weight.setGradient(nil)
      // A graph that nobody differentiates, and an operator that fails on it.
      #expect(throws: TorchError.self) { try product.exp().add(Tensor.zeros([3])) }
      let memory = OwnedMemory(byteCount: count * 4)
      let mapped = try Tensor(mapping: memory.start, shape: [count], dtype: .float32, keepingAlive: memory)
      _ = try mapped.add(1).array(Float.self)
    }

    for _ in 0..<100 { try round() }
    let before = try #require(OwnedMemory.resident())
    for _ in 0..<12_000 { try round() }  // more than ten operations each
    let after = try #require(OwnedMemory.resident())
    #expect(after - before < bound, "\((after - before) >> 20) MB more than before")
  }

  @Test func `that was mapped is released with the last tensor over it`() throws {
    weak var memory: OwnedMemory?
    var view: Tensor?
    do {
      let owner = OwnedMemory(byteCount: 64)
      memory = owner
      let tensor = try Tensor(mapping: owner.start, shape: [16], dtype: .float32, keepingAlive: owner)
      view = try tensor.narrow(0, 4, 4).detached()
    }
    #expect(memory != nil)
    #expect(try view?.array(Float.self) == [0, 0, 0, 0])
    view = nil
    #expect(memory == nil)
  }

  @Test func `that was mapped is released once where the tensor is refused`() throws {
    weak var memory: OwnedMemory?
    do {
      let owner = OwnedMemory(byteCount: 64)
      memory = owner
      #expect(throws: TorchError.self) {
        try Tensor(mapping: owner.start, shape: [-1], dtype: .float32, keepingAlive: owner)
      }
      #expect(memory != nil)
    }
    #expect(memory == nil)
  }

  @Test func `that was mapped lives as long as a graph needs it`() throws {
    weak var memory: OwnedMemory?
    let weight = try Tensor.ones([16])
    try weight.setRequiresGrad(true)
    do {
      var loss: Tensor?
      do {
        let owner = OwnedMemory(byteCount: 64)
        memory = owner
        let tensor = try Tensor(mapping: owner.start, shape: [16], dtype: .float32, keepingAlive: owner)
        loss = try weight.multiply(tensor).sum()
      }
      #expect(memory != nil)
      try loss?.backward()
    }
    #expect(memory == nil)
    #expect(try weight.gradient()?.sum().item() == 0)
  }
}
