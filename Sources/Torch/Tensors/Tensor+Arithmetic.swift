import CTorch

// Elementwise operators; shapes are broadcast as in NumPy.

extension Tensor {
  private func unary(_ name: String, _ op: ctorch_unary_operator) throws(TorchError) -> Tensor {
    try derive(name) { ctorch_unary(op, handle, &$0, &$1) }
  }

  private func binary(_ name: String, _ op: ctorch_binary_operator, _ other: Tensor) throws(TorchError) -> Tensor {
    try withExtendedLifetime(other) { () throws(TorchError) in
      try derive(name) { ctorch_binary(op, handle, other.handle, &$0, &$1) }
    }
  }

  private func binary(_ name: String, _ op: ctorch_binary_operator, _ other: Double) throws(TorchError) -> Tensor {
    try derive(name) { ctorch_binary_scalar(op, handle, other, &$0, &$1) }
  }

  private func inPlace(_ name: String, _ op: ctorch_binary_operator, _ other: Tensor) throws(TorchError) {
    try withExtendedLifetime(other) { () throws(TorchError) in
      try perform(name) { ctorch_binary_in_place(op, handle, other.handle, &$0) }
    }
  }

  private func inPlace(_ name: String, _ op: ctorch_binary_operator, _ other: Double) throws(TorchError) {
    try perform(name) { ctorch_binary_scalar_in_place(op, handle, other, &$0) }
  }

  /// −x
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func negated() throws(TorchError) -> Tensor { try unary("negated", CTORCH_NEG) }

  /// |x|
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func abs() throws(TorchError) -> Tensor { try unary("abs", CTORCH_ABS) }

  /// eˣ
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func exp() throws(TorchError) -> Tensor { try unary("exp", CTORCH_EXP) }

  /// The natural logarithm.
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func log() throws(TorchError) -> Tensor { try unary("log", CTORCH_LOG) }

  /// √x
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func sqrt() throws(TorchError) -> Tensor { try unary("sqrt", CTORCH_SQRT) }

  /// 1/√x
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func rsqrt() throws(TorchError) -> Tensor { try unary("rsqrt", CTORCH_RSQRT) }

  /// sin x
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func sin() throws(TorchError) -> Tensor { try unary("sin", CTORCH_SIN) }

  /// cos x
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func cos() throws(TorchError) -> Tensor { try unary("cos", CTORCH_COS) }

  /// σ(x) = 1/(1 + e⁻ˣ)
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func sigmoid() throws(TorchError) -> Tensor { try unary("sigmoid", CTORCH_SIGMOID) }

  /// log σ(x), without overflow.
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func logSigmoid() throws(TorchError) -> Tensor { try unary("logSigmoid", CTORCH_LOG_SIGMOID) }

  /// x·σ(x)
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func silu() throws(TorchError) -> Tensor { try unary("silu", CTORCH_SILU) }

  /// max(0, x)
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func relu() throws(TorchError) -> Tensor { try unary("relu", CTORCH_RELU) }

  /// Whether each element is neither infinite nor NaN.
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func isFinite() throws(TorchError) -> Tensor { try unary("isFinite", CTORCH_ISFINITE) }

  /// The opposite of a boolean tensor.
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func logicalNot() throws(TorchError) -> Tensor { try unary("logicalNot", CTORCH_LOGICAL_NOT) }

  /// x + y
  ///
  /// - Throws: `TorchError` when the shapes do not broadcast.
  public func add(_ other: Tensor) throws(TorchError) -> Tensor { try binary("add", CTORCH_ADD, other) }

  /// x + c
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func add(_ other: Double) throws(TorchError) -> Tensor { try binary("add", CTORCH_ADD, other) }

  /// x − y
  ///
  /// - Throws: `TorchError` when the shapes do not broadcast.
  public func subtract(_ other: Tensor) throws(TorchError) -> Tensor { try binary("subtract", CTORCH_SUB, other) }

  /// x − c
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func subtract(_ other: Double) throws(TorchError) -> Tensor { try binary("subtract", CTORCH_SUB, other) }

  /// x · y
  ///
  /// - Throws: `TorchError` when the shapes do not broadcast.
  public func multiply(_ other: Tensor) throws(TorchError) -> Tensor { try binary("multiply", CTORCH_MUL, other) }

  /// x · c
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func multiply(_ other: Double) throws(TorchError) -> Tensor { try binary("multiply", CTORCH_MUL, other) }

  /// x / y
  ///
  /// - Throws: `TorchError` when the shapes do not broadcast.
  public func divide(_ other: Tensor) throws(TorchError) -> Tensor { try binary("divide", CTORCH_DIV, other) }

  /// x / c
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func divide(_ other: Double) throws(TorchError) -> Tensor { try binary("divide", CTORCH_DIV, other) }

  /// xʸ
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func power(_ other: Double) throws(TorchError) -> Tensor { try binary("power", CTORCH_POW, other) }

  /// The larger of two, element by element.
  ///
  /// - Throws: `TorchError` when the shapes do not broadcast.
  public func maximum(_ other: Tensor) throws(TorchError) -> Tensor { try binary("maximum", CTORCH_MAXIMUM, other) }

  /// The smaller of two, element by element.
  ///
  /// - Throws: `TorchError` when the shapes do not broadcast.
  public func minimum(_ other: Tensor) throws(TorchError) -> Tensor { try binary("minimum", CTORCH_MINIMUM, other) }

  /// The matrix product, batched over leading dimensions.
  ///
  /// - Throws: `TorchError` when the inner lengths or the types differ.
  public func matmul(_ other: Tensor) throws(TorchError) -> Tensor { try binary("matmul", CTORCH_MATMUL, other) }

  /// x = y
  ///
  /// - Throws: `TorchError` when the shapes do not broadcast.
  public func equal(_ other: Tensor) throws(TorchError) -> Tensor { try binary("equal", CTORCH_EQ, other) }

  /// x = c
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func equal(_ other: Double) throws(TorchError) -> Tensor { try binary("equal", CTORCH_EQ, other) }

  /// x ≠ y
  ///
  /// - Throws: `TorchError` when the shapes do not broadcast.
  public func notEqual(_ other: Tensor) throws(TorchError) -> Tensor { try binary("notEqual", CTORCH_NE, other) }

  /// x < y
  ///
  /// - Throws: `TorchError` when the shapes do not broadcast.
  public func less(_ other: Tensor) throws(TorchError) -> Tensor { try binary("less", CTORCH_LT, other) }

  /// x < c
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func less(_ other: Double) throws(TorchError) -> Tensor { try binary("less", CTORCH_LT, other) }

  /// x > y
  ///
  /// - Throws: `TorchError` when the shapes do not broadcast.
  public func greater(_ other: Tensor) throws(TorchError) -> Tensor { try binary("greater", CTORCH_GT, other) }

  /// x > c
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func greater(_ other: Double) throws(TorchError) -> Tensor { try binary("greater", CTORCH_GT, other) }

  /// x ≥ c
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func greaterOrEqual(_ other: Double) throws(TorchError) -> Tensor {
    try binary("greaterOrEqual", CTORCH_GE, other)
  }

  /// Both of two boolean tensors.
  ///
  /// - Throws: `TorchError` when the shapes do not broadcast.
  public func logicalAnd(_ other: Tensor) throws(TorchError) -> Tensor {
    try binary("logicalAnd", CTORCH_LOGICAL_AND, other)
  }

  /// Elements limited to a range.
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func clamp(_ range: ClosedRange<Double>) throws(TorchError) -> Tensor {
    try derive("clamp") { ctorch_clamp(handle, range.lowerBound, range.upperBound, &$0, &$1) }
  }

  /// `first` where this boolean tensor is true, else `second`.
  ///
  /// - Throws: `TorchError` when this is not boolean, or the shapes do not broadcast.
  public func choose(_ first: Tensor, _ second: Tensor) throws(TorchError) -> Tensor {
    try withExtendedLifetime((first, second)) { () throws(TorchError) in
      try derive("choose") { ctorch_where(handle, first.handle, second.handle, &$0, &$1) }
    }
  }

  /// This tensor, with the value wherever the mask is true.
  ///
  /// - Throws: `TorchError` when the mask is not boolean, or the shapes do not broadcast.
  public func maskedFill(_ mask: Tensor, _ value: Double) throws(TorchError) -> Tensor {
    try withExtendedLifetime(mask) { () throws(TorchError) in
      try derive("maskedFill") { ctorch_masked_fill(handle, mask.handle, value, &$0, &$1) }
    }
  }

  /// The lower triangle of the last two dimensions, up to the given diagonal; 0 elsewhere.
  ///
  /// - Throws: `TorchError` when there are fewer than two dimensions.
  public func lowerTriangle(diagonal: Int = 0) throws(TorchError) -> Tensor {
    try derive("lowerTriangle") { ctorch_tril(handle, Int64(diagonal), &$0, &$1) }
  }

  /// x ← x + y
  ///
  /// - Throws: `TorchError` when the other does not broadcast to this shape, or when this is a leaf that requires gradients and gradients are being recorded.
  public func addInPlace(_ other: Tensor) throws(TorchError) { try inPlace("addInPlace", CTORCH_ADD, other) }

  /// x ← x − y
  ///
  /// - Throws: `TorchError` when the other does not broadcast to this shape, or when this is a leaf that requires gradients and gradients are being recorded.
  public func subtractInPlace(_ other: Tensor) throws(TorchError) { try inPlace("subtractInPlace", CTORCH_SUB, other) }

  /// x ← x · y
  ///
  /// - Throws: `TorchError` when the other does not broadcast to this shape, or when this is a leaf that requires gradients and gradients are being recorded.
  public func multiplyInPlace(_ other: Tensor) throws(TorchError) { try inPlace("multiplyInPlace", CTORCH_MUL, other) }

  /// x ← x · c
  ///
  /// - Throws: `TorchError` when this is a leaf that requires gradients and gradients are being recorded.
  public func multiplyInPlace(_ other: Double) throws(TorchError) { try inPlace("multiplyInPlace", CTORCH_MUL, other) }

  /// x ← x + c
  ///
  /// - Throws: `TorchError` when this is a leaf that requires gradients and gradients are being recorded.
  public func addInPlace(_ other: Double) throws(TorchError) { try inPlace("addInPlace", CTORCH_ADD, other) }

  /// Every element becomes c.
  ///
  /// - Throws: `TorchError` when this is a leaf that requires gradients and gradients are being recorded.
  public func fillInPlace(_ value: Double) throws(TorchError) {
    try perform("fillInPlace") { ctorch_fill_in_place(handle, value, &$0) }
  }

  /// The elements of another tensor, converted to this one's type and device.
  ///
  /// - Throws: `TorchError` when the other does not broadcast to this shape, or when this is a leaf that requires gradients and gradients are being recorded.
  public func copyInPlace(_ source: Tensor, nonBlocking: Bool = false) throws(TorchError) {
    try withExtendedLifetime(source) { () throws(TorchError) in
      try perform("copyInPlace") { ctorch_copy_in_place(handle, source.handle, nonBlocking, &$0) }
    }
  }
}
