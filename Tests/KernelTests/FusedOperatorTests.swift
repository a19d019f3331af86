import Testing
import Torch

@Suite("Fused operators", .serialized)
struct FusedOperatorTests {
  @Test("In float64, values and gradients are those of plain operators within 1e-11", arguments: Operators.all)
  func exact(_ operation: Operator) throws {
    let variables = try operation.variables(dtype: .float64)
    let found = try Operator.evaluate(operation.fused, variables)
    let expected = try Operator.evaluate(operation.plain, variables)
    #expect(try difference(found.value, expected.value) < 1e-11)
    for (found, expected) in zip(found.gradients, expected.gradients) {
      #expect(try difference(found, expected) < 1e-11)
    }
  }

  @Test("In float32, they are those of plain operators in float64 within 2e-5", arguments: Operators.all)
  func single(_ operation: Operator) throws {
    let variables = try operation.variables(dtype: .float32)
    let found = try Operator.evaluate(operation.fused, variables)
    let expected = try Operator.evaluate(
      operation.plain,
      variables.map {
        let wide = try $0.detached().to(.float64)
        try wide.setRequiresGrad(true)
        return wide
      })
    #expect(try difference(found.value.to(.float64), expected.value) < 2e-5)
    for (found, expected) in zip(found.gradients, expected.gradients) {
      #expect(try difference(found.to(.float64), expected) < 2e-5)
    }
  }

  @Test(
    "Gradients agree with finite differences",
    arguments: Operators.all.filter { $0.shapes.reduce(0) { $0 + $1.reduce(1, *) } <= 400 })
  func quotients(_ operation: Operator) throws {
    let variables = try operation.variables(dtype: .float64)
    let found = try Operator.evaluate(operation.fused, variables)
    let step = 1e-5
    try withoutGrad {
      for (number, variable) in variables.enumerated() {
        let flat = try variable.view([-1])
        var quotients: [Double] = []
        for place in 0..<flat.count {
          let element = try flat.narrow(0, place, 1)
          func value(_ change: Double) throws -> Double {
            try element.addInPlace(change)
            return try Operator.weighted(operation.fused(variables)).item()
          }
          let above = try value(step)
          let below = try value(-2 * step)
          try element.addInPlace(step)
          quotients.append((above - below) / (2 * step))
        }
        let expected = try Tensor(quotients, shape: variable.shape)
        #expect(try difference(found.gradients[number], expected) < 1e-7)
      }
    }
  }

  @Test("With the same number of threads, results repeat bit for bit", arguments: Operators.all, [1, 2])
  func repeatable(_ operation: Operator, threads: Int) throws {
    let before = Runtime.threadCount
    Runtime.threadCount = threads
    defer { Runtime.threadCount = before }
    let variables = try operation.variables(dtype: .float32)
    let first = try Operator.evaluate(operation.fused, variables)
    let second = try Operator.evaluate(operation.fused, variables)
    #expect(try sameBits(first.value, second.value))
    for (first, second) in zip(first.gradients, second.gradients) { #expect(try sameBits(first, second)) }
  }

  @Test("Without gradients, the values are the same and have no graph", arguments: Operators.all)
  func withoutGradients(_ operation: Operator) throws {
    let variables = try operation.variables(dtype: .float32)
    let expected = try operation.fused(variables).detached()
    let found = try withoutGrad { try operation.fused(variables) }
    #expect(!found.requiresGrad)
    #expect(try sameBits(found, expected))
  }

  @Test("Other types give the results of plain operators", arguments: Operators.all)
  func otherTypes(_ operation: Operator) throws {
    let variables = try operation.variables(dtype: .bfloat16)
    let found = try withoutGrad { try operation.fused(variables).to(.float32) }
    let expected = try withoutGrad { try operation.plain(variables).to(.float32) }
    #expect(try difference(found, expected) < 0.1)
  }
}
