import Testing
import Torch

@Suite("Tensors refilled from the host")
struct RefillTests {
  @Test("The elements are the new ones, in the same memory, also in views")
  func values() throws {
    let tensor = try Tensor([1, 2, 3, 4, 5, 6] as [Int])
    let view = try tensor.narrow(0, 2, 3)
    let address = try tensor.withUnsafeBytes(\.baseAddress)
    try tensor.refill([10, 20, 30, 40, 50, 60])
    #expect(try view.array(Int.self) == [30, 40, 50])
    #expect(try tensor.withUnsafeBytes(\.baseAddress) == address)
    try view.refill([-1, -2, -3])
    #expect(try tensor.array(Int.self) == [10, 20, -1, -2, -3, 60])
    let floats = try Tensor.zeros([2, 2])
    try floats.refill([1, 2, 3, 4] as [Float])
    #expect(try floats.array(Float.self) == [1, 2, 3, 4])
    try Tensor.zeros([0]).refill([] as [Float])
    let scalar = try Tensor.zeros([], dtype: .float64)
    try scalar.refill([0.1])
    #expect(try scalar.item() == 0.1)
  }

  @Test("Elements that do not match are refused")
  func refusals() throws {
    let tensor = try Tensor.zeros([2, 3])
    #expect(throws: TorchError.self) { try tensor.refill([1, 2, 3] as [Float]) }
    #expect(throws: TorchError.self) { try tensor.refill([1, 2, 3, 4, 5, 6] as [Int]) }
    #expect(throws: TorchError.self) { try tensor.transpose(0, 1).refill([1, 2, 3, 4, 5, 6] as [Float]) }
    try tensor.setRequiresGrad(true)
    #expect(throws: TorchError.self) { try tensor.refill([1, 2, 3, 4, 5, 6] as [Float]) }
    #expect(try tensor.array(Float.self) == [0, 0, 0, 0, 0, 0])
  }

  @Test("Tensors on a CUDA device are refilled in order", .enabled(if: Runtime.cudaDeviceCount > 0, "no CUDA device"))
  func device() throws {
    let tensor = try Tensor.zeros([1000], dtype: .int64, device: .cuda(0))
    // One after another, so that reusing host memory too early would show.
    for round in 0..<50 {
      try tensor.refill([Int](repeating: round, count: 1000))
      #expect(try tensor.sum().intItem() == 1000 * round)
    }
    let parts = try (0..<50).map { round in
      try tensor.refill([Int](repeating: round, count: 1000))
      return try tensor.multiply(1)
    }
    for (round, part) in parts.enumerated() { #expect(try part.sum().intItem() == 1000 * round) }
  }
}
