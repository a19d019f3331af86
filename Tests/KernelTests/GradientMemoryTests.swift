import Testing
import Torch

@Suite("Gradients accumulated in place", .serialized)
struct GradientMemoryTests {
  @Test("Each backward pass adds to the existing gradient in place", arguments: Operators.all)
  func accumulation(_ operation: Operator) throws {
    let variables = try operation.variables(dtype: .float64)
    let once = try Operator.evaluate(operation.fused, variables).gradients
    // Views of one buffer, as in training.
    let buffer = try Tensor.zeros([variables.reduce(0) { $0 + $1.count } + 3], dtype: .float64)
    var start = 3
    let views = try variables.map { variable in
      defer { start += variable.count }
      return try buffer.narrow(0, start, variable.count).view(variable.shape).detached()
    }
    for (variable, view) in zip(variables, views) { try variable.setGradient(view) }
    for times in 1...3 {
      let value = try operation.fused(variables)
      try Operator.weighted(value).backward()
      for (view, once) in zip(views, once) { #expect(try difference(view, once.multiply(Double(times))) < 1e-12) }
    }
    for (variable, view) in zip(variables, views) {
      let gradient = try #require(try variable.gradient())
      #expect(try gradient.withUnsafeBytes(\.baseAddress) == view.withUnsafeBytes(\.baseAddress))
    }
  }

  @Test("A tensor that requires no gradient gets none, and the others get theirs", arguments: Operators.all)
  func frozen(_ operation: Operator) throws {
    let variables = try operation.variables(dtype: .float64)
    let all = try Operator.evaluate(operation.fused, variables).gradients
    for frozen in variables.indices where variables.count > 1 {
      for variable in variables { try variable.setGradient(nil) }
      try variables[frozen].setRequiresGrad(false)
      try Operator.weighted(operation.fused(variables)).backward()
      for (number, variable) in variables.enumerated() {
        if number == frozen {
          #expect(try variable.gradient() == nil)
        } else if let gradient = try variable.gradient() {
          #expect(try difference(gradient, all[number]) < 1e-12)
        }
      }
      try variables[frozen].setRequiresGrad(true)
    }
  }
}
