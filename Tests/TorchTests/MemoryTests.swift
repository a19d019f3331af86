import Testing
import Torch

/// The growth in bytes of this process over many rounds of operations: one leaked tensor in each would be 750 MB.
private func growth() throws -> Int {
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
    // A graph without a backward pass, and an operator that fails on it.
    #expect(throws: TorchError.self) { try product.exp().add(Tensor.zeros([3])) }
    let memory = OwnedMemory(byteCount: count * 4)
    let mapped = try Tensor(mapping: memory.start, shape: [count], dtype: .float32, keepingAlive: memory)
    _ = try mapped.add(1).array(Float.self)
  }

  for _ in 0..<100 { try round() }
  let before = try #require(OwnedMemory.resident())
  for _ in 0..<12_000 { try round() }  // more than ten operations each
  return try #require(OwnedMemory.resident()) - before
}

/// Whether a test can run in a separate process.
private let hasProcesses: Bool = {
  #if compiler(>=6.2)
    true
  #else
    false
  #endif
}()

@Suite("Memory of tensors") struct MemoryTests {
  @Test(
    "Memory does not grow over 120,000 operations, with and without graphs and errors",
    .enabled(if: OwnedMemory.resident() != nil, "the system has no /proc/self/statm"),
    .enabled(if: hasProcesses, "Swift Testing runs tests in separate processes from Swift 6.2 on"))
  func steadyMemory() async throws {
    #if compiler(>=6.2)
      // In a separate process, in which no other test allocates memory.
      await #expect(processExitsWith: .success) {
        let growth = try growth()
        #expect(growth < 128 << 20, "\(growth >> 20) MB more than before")
      }
    #endif
  }

  @Test("Mapped memory is released with the last tensor that uses it")
  func mappedRelease() throws {
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

  @Test("Mapped memory is released once when the tensor is refused")
  func refusedRelease() throws {
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

  @Test("Mapped memory lives as long as a graph needs it")
  func mappedInGraph() throws {
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
