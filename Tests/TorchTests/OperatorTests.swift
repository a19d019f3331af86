import OrderedJSON
import Testing
import Torch

/// Tools/reference/torch_operators.py wrote PyTorch's results.
@Suite("Operators against PyTorch") struct OperatorTests {
  @Test("Values and gradients are PyTorch's", arguments: OperatorTable.operators.keys.sorted())
  func valueAndGradients(name: String) throws {
    let golden = try #require(Goldens.load()["operators"]?[name], "torch_operators.py has no such case")
    let function = try #require(OperatorTable.operators[name])
    let variables = try #require(golden["inputs"]).tensors().map { try $0.variable() }

    let output = try function(variables)
    try expectClose(output, GoldenTensor(golden["output"]), "value of \(name)")

    guard let weight = golden["weight"] else {
      #expect(!output.requiresGrad)
      return
    }
    // An operator that overwrites its input, such as fillInPlace, is still part of the graph.
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

  @Test("Every case of the reference script has an operator here")
  func complete() throws {
    let names = try #require(Goldens.load()["operators"]?.object).keys
    #expect(Set(names) == Set(OperatorTable.operators.keys))
  }
}
