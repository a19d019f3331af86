import OrderedJSON
import Testing
import Torch

/// Tools/reference/torch_operators.py wrote what PyTorch computes.
@Suite struct `Operators against PyTorch` {
  @Test(arguments: OperatorTable.operators.keys.sorted())
  func `value and gradients are PyTorch's`(name: String) throws {
    let golden = try #require(Goldens.load()["operators"]?[name], "torch_operators.py has no such case")
    let function = try #require(OperatorTable.operators[name])
    let variables = try #require(golden["inputs"]).tensors().map { try $0.variable() }

    let output = try function(variables)
    try expectClose(output, GoldenTensor(golden["output"]), "value of \(name)")

    guard let weight = golden["weight"] else {
      #expect(!output.requiresGrad)
      return
    }
    // An operator that forgets its input, as fillInPlace does, still belongs to the graph.
    try output.backward(GoldenTensor(weight).tensor())
    for (index, expected) in try #require(golden["gradients"]?.array).enumerated() {
      let gradient = try variables[index].gradient()
      if expected.isNull {
        #expect(gradient == nil)
      } else {
        try expectClose(
          #require(gradient), GoldenTensor(expected), "gradient of \(name) by its input \(index)")
      }
    }
  }

  @Test func `every case of the reference script has an operator here`() throws {
    let names = try #require(Goldens.load()["operators"]?.object).keys
    #expect(Set(names) == Set(OperatorTable.operators.keys))
  }
}
