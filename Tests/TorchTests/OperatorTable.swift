import Torch

/// Every operator under the name that Tools/reference/torch_operators.py gives it, with the same arguments.
enum OperatorTable {
  typealias Operator = @Sendable ([Tensor]) throws -> Tensor

  static let operators: [String: Operator] =
    elementwise
    .merging(inPlace) { $1 }
    .merging(shapes) { $1 }
    .merging(reductions) { $1 }
    .merging(indexing) { $1 }
    .merging(neural) { $1 }

  private static let elementwise: [String: Operator] = [
    "negated": { try $0[0].negated() },
    "abs": { try $0[0].abs() },
    "exp": { try $0[0].exp() },
    "log": { try $0[0].log() },
    "sqrt": { try $0[0].sqrt() },
    "rsqrt": { try $0[0].rsqrt() },
    "sin": { try $0[0].sin() },
    "cos": { try $0[0].cos() },
    "sigmoid": { try $0[0].sigmoid() },
    "logSigmoid": { try $0[0].logSigmoid() },
    "silu": { try $0[0].silu() },
    "relu": { try $0[0].relu() },
    "isFinite": { try $0[0].isFinite() },
    "logicalNot": { try $0[0].logicalNot() },
    "add": { try $0[0].add($0[1]) },
    "add a number": { try $0[0].add(1.5) },
    "subtract": { try $0[0].subtract($0[1]) },
    "subtract a number": { try $0[0].subtract(1.5) },
    "multiply": { try $0[0].multiply($0[1]) },
    "multiply a number": { try $0[0].multiply(1.5) },
    "divide": { try $0[0].divide($0[1]) },
    "divide a number": { try $0[0].divide(1.5) },
    "power": { try $0[0].power(2.5) },
    "maximum": { try $0[0].maximum($0[1]) },
    "minimum": { try $0[0].minimum($0[1]) },
    "matmul": { try $0[0].matmul($0[1]) },
    "matmul of batches": { try $0[0].matmul($0[1]) },
    "equal": { try $0[0].equal($0[1]) },
    "equal to a number": { try $0[0].equal(2) },
    "notEqual": { try $0[0].notEqual($0[1]) },
    "less": { try $0[0].less($0[1]) },
    "less than a number": { try $0[0].less(2) },
    "greater": { try $0[0].greater($0[1]) },
    "greater than a number": { try $0[0].greater(2) },
    "greaterOrEqual to a number": { try $0[0].greaterOrEqual(2) },
    "logicalAnd": { try $0[0].logicalAnd($0[1]) },
    "clamp": { try $0[0].clamp(-0.5...0.5) },
    "choose": { try $0[0].choose($0[1], $0[2]) },
    "maskedFill": { try $0[0].maskedFill($0[1], -7) },
    "lowerTriangle": { try $0[0].lowerTriangle(diagonal: 1) },
  ]

  private static let inPlace: [String: Operator] = [
    "addInPlace": { inputs in try copy(inputs[0]) { try $0.addInPlace(inputs[1]) } },
    "addInPlace a number": { inputs in try copy(inputs[0]) { try $0.addInPlace(1.5) } },
    "subtractInPlace": { inputs in try copy(inputs[0]) { try $0.subtractInPlace(inputs[1]) } },
    "multiplyInPlace": { inputs in try copy(inputs[0]) { try $0.multiplyInPlace(inputs[1]) } },
    "multiplyInPlace a number": { inputs in try copy(inputs[0]) { try $0.multiplyInPlace(1.5) } },
    "fillInPlace": { inputs in try copy(inputs[0]) { try $0.fillInPlace(1.5) } },
    "copyInPlace": { inputs in try copy(inputs[0]) { try $0.copyInPlace(inputs[1]) } },
  ]

  private static let shapes: [String: Operator] = [
    "reshape": { try $0[0].reshape([3, -1]) },
    "view": { try $0[0].view([3, 2]) },
    "expand": { try $0[0].expand([2, 4, -1]) },
    "transpose": { try $0[0].transpose(0, -1).contiguous() },
    "permute": { try $0[0].permute([2, 0, 1]).clone() },
    "narrow": { try $0[0].narrow(1, 1, 2) },
    "select": { try $0[0].select(1, -1) },
    "unsqueeze": { try $0[0].unsqueeze(1) },
    "squeeze": { try $0[0].squeeze(1) },
    "split": { try $0[0].split([1, 3], dim: 1)[1] },
    "concatenate": { try .concatenate($0, dim: 1) },
    "stack": { try .stack($0, dim: 1) },
    "to float64": { try $0[0].to(.float64) },
    "to bfloat16 and back": { try $0[0].to(.bfloat16).to(.float32) },
    "to int64": { try $0[0].to(.int64) },
  ]

  private static let reductions: [String: Operator] = [
    "sum": { try $0[0].sum() },
    "sum over a dimension": { try $0[0].sum(0) },
    "sum of whole numbers": { try $0[0].sum() },
    "mean": { try $0[0].mean() },
    "mean over a dimension": { try $0[0].mean(-1, keepDim: true) },
    "max": { try $0[0].max() },
    "max over a dimension": { try $0[0].max(1) },
    "min": { try $0[0].min() },
    "min over a dimension": { try $0[0].min(0, keepDim: true) },
    "any": { try $0[0].any() },
    "any over a dimension": { try $0[0].any(1) },
    "all": { try $0[0].all() },
    "all over a dimension": { try $0[0].all(1) },
    "argmax": { try $0[0].argmax() },
    "argmax over a dimension": { try $0[0].argmax(1) },
    "logSumExp": { try $0[0].logSumExp(1) },
    "norm": { try $0[0].norm() },
    "softmax": { try $0[0].softmax(0) },
    "logSoftmax": { try $0[0].logSoftmax(-1) },
    "cumulativeSum": { try $0[0].cumulativeSum(1) },
    "sorted, values": { try $0[0].sorted(1, descending: true).values },
    "sorted, indices": { try $0[0].sorted(0).indices },
    "top, values": { try $0[0].top(2).values },
    "top, indices": { try $0[0].top(2).indices },
  ]

  private static let indexing: [String: Operator] = [
    "indexSelect": { try $0[0].indexSelect(1, $0[1]) },
    "gather": { try $0[0].gather(1, $0[1]) },
    "indexAdd": { try $0[0].indexAdd(0, $0[1], $0[2]) },
  ]

  private static let neural: [String: Operator] = [
    "linear": { try linear($0[0], weight: $0[1]) },
    "linear with a bias": { try linear($0[0], weight: $0[1], bias: $0[2]) },
    "embedding": { try embedding($0[0], weight: $0[1]) },
    "rmsNorm": { try rmsNorm($0[0], weight: $0[1], epsilon: 1e-3) },
    "attention": { try scaledDotProductAttention(query: $0[0], key: $0[1], value: $0[2], scale: 0.5) },
    "attention, causal": {
      try scaledDotProductAttention(query: $0[0], key: $0[1], value: $0[2], causal: true, scale: 0.5)
    },
    "attention, boolean mask": {
      try scaledDotProductAttention(query: $0[0], key: $0[1], value: $0[2], mask: $0[3], scale: 0.5)
    },
    "attention, grouped heads": {
      try scaledDotProductAttention(query: $0[0], key: $0[1], value: $0[2], causal: true, scale: 0.5)
    },
  ]

  /// The result of an in-place operator on a copy: leaves that require gradients must not be written.
  private static func copy(_ tensor: Tensor, _ change: (Tensor) throws -> Void) throws -> Tensor {
    let copy = try tensor.clone()
    try change(copy)
    return copy
  }
}
