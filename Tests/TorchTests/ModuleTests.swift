import Testing
import Torch

/// A model with a parameter that two modules share.
private final class Model: Module {
  final class Layer: Module {
    let weight: Parameter
    let bias: Parameter
    init(weight: Parameter? = nil) throws {
      self.weight = try weight ?? Parameter([2, 3])
      bias = try Parameter([2])
    }
    var members: [Member] { [.parameter("weight", weight), .parameter("bias", bias)] }
  }

  let embedding: Layer
  let layers: [Layer]
  let head: Layer
  let scale: Parameter

  init() throws {
    embedding = try Layer()
    layers = [try Layer(), try Layer()]
    head = try Layer(weight: embedding.weight)
    scale = try Parameter([], dtype: .float32)
  }

  var members: [Member] {
    [
      .module("embedding", embedding), .list("layers", layers), .module("head", head),
      .parameter("scale", scale),
    ]
  }
}

@Suite("Modules") struct ModuleTests {
  @Test("Parameters are named in declaration order, shared ones once")
  func parameterNames() throws {
    let names = try Model().namedParameters.map(\.name)
    #expect(
      names == [
        "embedding.weight", "embedding.bias", "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias",
        "head.bias", "scale",
      ])
  }

  @Test("A shared parameter stays shared when it moves into a buffer")
  func sharedParameter() throws {
    let model = try Model()
    for (_, parameter) in model.namedParameters { try parameter.value.fillInPlace(1) }
    let buffer = try FlatBuffer(moving: model.namedParameters)
    #expect(try buffer.storage.sum().item() == 27)
    try buffer.storage.fillInPlace(2)
    #expect(model.head.weight === model.embedding.weight)
    #expect(try model.head.weight.value.array(Float.self) == [2, 2, 2, 2, 2, 2])
    #expect(model.scale.value.shape == [])
  }

  @Test("A parameter's shape and size")
  func parameterShape() throws {
    let parameter = try Parameter([3, 4], dtype: .bfloat16)
    #expect(parameter.shape == [3, 4])
    #expect(parameter.count == 12)
    #expect(parameter.value.dtype == .bfloat16)
    #expect(try Parameter([]).count == 1)
  }
}

@Suite("Flat buffers") struct FlatBufferTests {
  @Test("Slices start at multiples of 64 bytes, and the gaps stay 0", arguments: [DType.float32, .bfloat16, .float64])
  func alignment(dtype: DType) throws {
    let shapes = [[3, 5], [], [64], [0], [7]]
    let buffer = try FlatBuffer(shapes: shapes, dtype: dtype)
    #expect(buffer.views.map(\.shape) == shapes)
    let start = try buffer.storage.withUnsafeBytes { Int(bitPattern: $0.baseAddress) }
    for view in buffer.views where view.count > 0 {
      let offset = try view.withUnsafeBytes { Int(bitPattern: $0.baseAddress) } - start
      #expect(offset % 64 == 0)
      #expect(offset >= 0 && offset + view.count * dtype.byteCount <= buffer.storage.count * dtype.byteCount)
    }
    for view in buffer.views { try view.fillInPlace(1) }
    #expect(try buffer.storage.sum().item() == 15 + 1 + 64 + 7)
  }

  @Test("A buffer shares storage with its views")
  func sharedStorage() throws {
    let buffer = try FlatBuffer(shapes: [[2], [3]])
    try buffer.views[1].fillInPlace(4)
    #expect(try buffer.storage.sum().item() == 12)
    try buffer.storage.fillInPlace(1)
    #expect(try buffer.views[0].array(Float.self) == [1, 1])
  }

  @Test("Gradients of views that are leaves are collected in the buffer")
  func gradientsOfViews() throws {
    let parameters = try FlatBuffer(shapes: [[2], [3]])
    let gradients = try FlatBuffer(shapes: [[2], [3]])
    try parameters.storage.fillInPlace(2)
    for (view, gradient) in zip(parameters.views, gradients.views) {
      try view.setRequiresGrad(true)
      try view.setGradient(gradient)
    }
    #expect(!parameters.storage.requiresGrad)
    for _ in 0..<2 {
      try parameters.views[0].power(2).sum().add(parameters.views[1].sum()).backward()
    }
    #expect(try gradients.views[0].array(Float.self) == [8, 8])
    #expect(try gradients.views[1].array(Float.self) == [2, 2, 2])
    #expect(try gradients.storage.sum().item() == 22)
    try gradients.storage.fillInPlace(0)
    #expect(try parameters.views[0].gradient()?.array(Float.self) == [0, 0])
  }

  @Test("Parameters without values yet are replaced")
  func replacedValues() throws {
    let parameter = try Parameter([2])
    let buffer = try FlatBuffer(replacing: [("weight", parameter)])
    #expect(try parameter.value.array(Float.self) == [0, 0])
    try buffer.storage.fillInPlace(3)
    #expect(try parameter.value.array(Float.self) == [3, 3])
    #expect(try FlatBuffer(like: []).storage.count == 0)
  }
}
