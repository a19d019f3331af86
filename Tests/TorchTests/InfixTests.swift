import OrderedJSON
import Testing
import Torch

@Suite("Arithmetic in formulas") struct InfixTests {
  /// The cases of Tools/reference/torch_operators.py, in infix notation.
  static let spellings: [String: OperatorTable.Operator] = [
    "negated": { try -$0[0] },
    "add": { try $0[0] + $0[1] },
    "add a number": { try $0[0] + 1.5 },
    "subtract": { try $0[0] - $0[1] },
    "subtract a number": { try $0[0] - 1.5 },
    "multiply": { try $0[0] * $0[1] },
    "multiply a number": { try 1.5 * $0[0] },
    "divide": { try $0[0] / $0[1] },
    "divide a number": { try $0[0] / 1.5 },
  ]

  @Test("Values and gradients are PyTorch's", arguments: spellings.keys.sorted())
  func valueAndGradients(name: String) throws {
    let golden = try #require(Goldens.load()["operators"]?[name])
    let variables = try #require(golden["inputs"]).tensors().map { try $0.variable() }
    let function = try #require(Self.spellings[name])
    let output = try function(variables)
    try expectClose(output, GoldenTensor(golden["output"]), name)
    try output.backward(GoldenTensor(golden["weight"]).tensor())
    for (variable, expected) in zip(variables, try #require(golden["gradients"]).tensors()) {
      try expectClose(#require(try variable.gradient()), expected, "gradient of \(name)")
    }
  }

  @Test("A number may be the left operand")
  func numberOnTheLeft() throws {
    for dtype in [DType.float32, .float64] {
      func results(_ body: (Tensor) throws -> Tensor) throws -> (values: [Double], gradient: [Double]) {
        let x = try Tensor([1, 2, -4] as [Double]).to(dtype)
        try x.setRequiresGrad(true)
        let y = try body(x)
        #expect(y.dtype == dtype)
        try y.sum().backward()
        return try (y.detached().to(.float64).array(), #require(try x.gradient()).to(.float64).array())
      }
      #expect(try results { try 8 + $0 } == ([9, 10, 4], [1, 1, 1]))
      #expect(try results { try 8 - $0 } == ([7, 6, 12], [-1, -1, -1]))
      #expect(try results { try 8 * $0 } == ([8, 16, -32], [8, 8, 8]))
      #expect(try results { try 8 / $0 } == ([8, 4, -2], [-8, -2, -0.5]))
    }
  }

  @Test("Operators have the precedence of mathematics")
  func precedence() throws {
    let (x, y) = (try Tensor([1, 2] as [Double]), try Tensor([4, 8] as [Double]))
    let (a, b) = (0.5, 3.0)
    #expect(try (-(1 - a) * x - b * (y / x) + 2 * x * y - 1).array(Double.self) == [-5.5, 18])
  }

  @Test("An operand of the wrong shape is an error that names the operator")
  func wrongShape() throws {
    let (x, y) = (try Tensor.zeros([2]), try Tensor.zeros([3]))
    let spellings: [(String, () throws(TorchError) -> Tensor)] = [
      ("add", { () throws(TorchError) in try x + y }), ("subtract", { () throws(TorchError) in try x - y }),
      ("multiply", { () throws(TorchError) in try x * y }), ("divide", { () throws(TorchError) in try x / y }),
    ]
    for (name, body) in spellings {
      let error = #expect(throws: TorchError.self) { try body() }
      #expect(error?.operatorName == name)
    }
  }
}
