import Testing
import Torch

@Suite("Tensors") struct TensorTests {
  @Test("A tensor holds the elements it is made from")
  func elements() throws {
    #expect(try Tensor([1, 2, 3, 4] as [Float], shape: [2, 2]).array(Float.self) == [1, 2, 3, 4])
    #expect(try Tensor([true, false]).array(Bool.self) == [true, false])
    #expect(try Tensor([Int.min, Int.max]).array(Int64.self) == [.min, .max])
    #expect(try Tensor([] as [Float]).array(Float.self) == [])
    #expect(try Tensor([7] as [Int32], shape: []).intItem() == 7)
    #expect(try Tensor.full([2], 1.5, dtype: .float64).array(Double.self) == [1.5, 1.5])
    #expect(try Tensor.zeros([3], dtype: .uint8).array(UInt8.self) == [0, 0, 0])
    #expect(try Tensor.ones([2], dtype: .int32).array(Int32.self) == [1, 1])
    #expect(try Tensor.arange(3..<6).array(Int.self) == [3, 4, 5])
    #expect(try Tensor.arange(0..<0).count == 0)
    #expect(try Tensor.empty([2, 0, 3]).array(Float.self) == [])
  }

  @Test("A tensor has the requested type and size", arguments: DType.allCases)
  func typeAndSize(dtype: DType) throws {
    let tensor = try Tensor.zeros([3, 2], dtype: dtype)
    #expect(tensor.dtype == dtype)
    #expect(tensor.description == "[3, 2] \(dtype.rawValue) cpu")
    #expect(try tensor.withUnsafeBytes { $0.count } == 6 * dtype.byteCount)
  }

  @Test("Shape, strides and layout")
  func layout() throws {
    let tensor = try Tensor.arange(0..<6).view([2, 3])
    #expect(tensor.shape == [2, 3])
    #expect(tensor.strides == [3, 1])
    #expect(tensor.rank == 2)
    #expect(tensor.count == 6)
    #expect(tensor.device == .cpu)
    #expect(try tensor.size(-1) == 3)
    let turned = try tensor.transpose(0, 1)
    #expect(turned.strides == [1, 3])
    #expect(!turned.isContiguous)
    #expect(try turned.array(Int.self) == [0, 3, 1, 4, 2, 5])
  }

  @Test("A tensor copies the bytes it is made from")
  func copiedBytes() throws {
    let bytes: [UInt8] = [0, 0x3c, 0, 0xc0]  // 1 and -2 as float16
    let tensor = try bytes.withUnsafeBytes { try Tensor(bytes: $0, shape: [2], dtype: .float16) }
    #expect(try tensor.to(.float32).array(Float.self) == [1, -2])
  }

  @Test("Memory is mapped without a copy, aligned or not")
  func mappedMemory() throws {
    let memory = OwnedMemory(byteCount: 13)
    for index in 0..<3 {
      (memory.start + 1 + 4 * index).storeBytes(of: Float(index), as: Float.self)
    }
    let tensor = try Tensor(mapping: memory.start + 1, shape: [3], dtype: .float32, keepingAlive: memory)
    #expect(try tensor.array(Float.self) == [0, 1, 2])
    (memory.start + 1).storeBytes(of: 9, as: Float.self)
    #expect(try tensor.array(Float.self) == [9, 1, 2])
  }

  @Test("Views share the storage")
  func views() throws {
    let tensor = try Tensor.zeros([2, 3])
    try tensor.narrow(1, 1, 1).fillInPlace(5)
    try tensor.split([1, 1])[1].select(0, 0).select(0, 2).fillInPlace(7)
    #expect(try tensor.array(Float.self) == [0, 5, 0, 0, 5, 7])
    try tensor.clone().fillInPlace(1)
    #expect(try tensor.array(Float.self) == [0, 5, 0, 0, 5, 7])
  }
}

@Suite("The runtime") struct RuntimeTests {
  @Test("The version is one that this package supports")
  func version() {
    #expect(["2.11", "2.12", "2.13"].contains { Runtime.version.hasPrefix($0) })
  }

  @Test("The instruction set has a name, and there is at least one thread")
  func capability() throws {
    #expect(try !Runtime.cpuCapability().isEmpty)
    #expect(Runtime.threadCount >= 1)
  }
}
