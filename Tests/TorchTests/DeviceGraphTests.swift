import Testing
import Torch

@Suite(
  "Work captured on a CUDA device", .enabled(if: Runtime.cudaDeviceCount > 0, "no CUDA device"), .serialized)
struct DeviceGraphTests {
  /// Runs a test's body on a stream other than the default one.
  private func onStream<Result>(_ body: () throws -> Result) throws -> Result {
    let stream = try CUDAStream(device: 0)
    try stream.use()
    let result = try body()
    try stream.synchronize()
    return result
  }

  @Test("A replay runs the captured work on the current values of the tensors; capture alone runs nothing")
  func replay() throws {
    try onStream {
      let (x, sum) = (try Tensor.ones([1000], device: .cuda(0)), try Tensor.zeros([], device: .cuda(0)))
      let graph = try CUDAGraph { try sum.addInPlace(x.multiply(2).sum()) }
      #expect(try sum.item() == 0)
      #expect(try graph.nodeCount() >= 3)
      try graph.replay()
      #expect(try sum.item() == 2000)
      try x.fillInPlace(3)
      for _ in 0..<2 { try graph.replay() }
      #expect(try sum.item() == 2000 + 2 * 6000)
    }
  }

  @Test("Graphs of one pool, and uncaptured work in it, use the same memory one after another")
  func pool() throws {
    try onStream {
      let pool = try CUDAMemoryPool(device: 0)
      let (input, sums) = (
        try Tensor.ones([1 << 20], device: .cuda(0)), try (0..<3).map { _ in try Tensor.zeros([], device: .cuda(0)) }
      )
      func work(_ factor: Double, into sum: Tensor) throws { try sum.copyInPlace(input.multiply(factor).add(1).sum()) }
      try pool.allocating { try work(1, into: sums[0]) }
      let graphs = try (1..<3).map { number in
        try CUDAGraph(in: pool) { try work(Double(number), into: sums[number]) }
      }
      for _ in 0..<2 {
        for graph in graphs { try graph.replay() }
        try pool.allocating { try work(3, into: sums[0]) }
      }
      #expect(try sums.map { try $0.item() / Double(1 << 20) } == [4, 2, 3])
    }
  }

  @Test("Work that waits for the device cannot be captured; the error says so, and later work is unaffected")
  func refused() throws {
    try onStream {
      let x = try Tensor.ones([8], device: .cuda(0))
      let pool = try CUDAMemoryPool(device: 0)
      #expect(throws: TorchError.self) { try CUDAGraph(in: pool) { _ = try x.add(1).sum().item() } }
      #expect(try x.add(1).sum().item() == 16)
      let graph = try CUDAGraph { try x.addInPlace(1) }
      try graph.replay()
      #expect(try x.sum().item() == 16)
    }
  }

  @Test("Events measure the time on the device and let one stream wait for another")
  func events() throws {
    let (first, second) = (try CUDAStream(device: 0), try CUDAStream(device: 0))
    try first.use()
    let begin = try CUDAEvent()
    let x = try Tensor.ones([512, 512], device: .cuda(0))
    var product = x
    for _ in 0..<20 { product = try product.matmul(x).multiply(1.0 / 512) }
    let end = try CUDAEvent()
    try second.use()
    try end.block()
    let sum = try product.sum().item()
    #expect(abs(sum / (512 * 512) - 1) < 1e-2)
    try end.synchronize()
    #expect(try end.seconds(since: begin) > 0)
  }
}
