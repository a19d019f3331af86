import Testing
import Torch

/// Random numbers of a seed, as a leaf that requires gradients.
func variable(_ shape: [Int], seed: UInt64, dtype: DType = .float64) throws -> Tensor {
  let tensor = try Tensor.empty(shape, dtype: dtype)
  try tensor.fillNormal(from: Generator(seed: seed))
  try tensor.setRequiresGrad(true)
  return tensor
}

/// An operator in two versions: fused, and composed of plain operators.
struct Operator: Sendable, CustomTestStringConvertible {
  let testDescription: String
  /// The shapes of the variables.
  let shapes: [[Int]]
  let fused: @Sendable ([Tensor]) throws -> Tensor
  let plain: @Sendable ([Tensor]) throws -> Tensor

  func variables(dtype: DType) throws -> [Tensor] {
    try shapes.enumerated().map { try variable($1, seed: UInt64($0 + 1), dtype: dtype) }
  }
}

extension Operator {
  /// A weighted sum of all elements of a result.
  static func weighted(_ result: Tensor) throws -> Tensor {
    // Always drawn in one type: another type would give other numbers.
    let weights = try Tensor.empty(result.shape)
    try weights.fillNormal(from: Generator(seed: 99))
    return try result.multiply(weights.to(result.dtype)).sum()
  }

  /// The result, and the gradients of a randomly weighted sum with respect to all variables.
  static func evaluate(
    _ body: ([Tensor]) throws -> Tensor, _ variables: [Tensor]
  ) throws -> (value: Tensor, gradients: [Tensor]) {
    for variable in variables { try variable.setGradient(nil) }
    let value = try body(variables)
    if value.requiresGrad { try weighted(value).backward() }
    let gradients = try variables.map { variable in
      try variable.gradient()
        ?? withoutGrad { () throws(TorchError) in try Tensor.zeros(variable.shape, dtype: variable.dtype) }
    }
    return (try value.detached(), gradients)
  }
}

/// The largest absolute difference, over the largest absolute value of the second or 1.
func difference(_ first: Tensor, _ second: Tensor) throws -> Double {
  try withoutGrad {
    try #require(first.shape == second.shape)
    guard first.count > 0 else { return 0 }
    let scale = max(1, try second.abs().max().item())
    return try first.subtract(second).abs().max().item() / scale
  }
}

/// Whether two tensors hold the same bits.
func sameBits(_ first: Tensor, _ second: Tensor) throws -> Bool {
  try first.withUnsafeBytes { Array($0) } == second.withUnsafeBytes { Array($0) }
}

/// Entropy, log Σ p², whether the target is the likeliest token, and the mean logit, `[4, rows]`, by plain operators.
func plainStatistics(_ logits: Tensor, _ targets: Tensor) throws -> Tensor {
  try withoutGrad {
    let logP = try logits.logSoftmax(1)
    let likeliest = try logits.argmax(1).equal(targets).to(logits.dtype)
    return try .stack([
      logP.exp().multiply(logP).sum(1).negated(), logP.multiply(2).logSumExp(1), likeliest, logits.mean(1),
    ])
  }
}
