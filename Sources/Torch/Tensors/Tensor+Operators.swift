import CTorch

// Arithmetic operators for formulas. One `try` covers a line:
//
//     let losses = try -(1 - smoothing) * difference.logSigmoid() - smoothing * (-difference).logSigmoid()

extension Tensor {
  /// −x
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public static prefix func - (x: Tensor) throws(TorchError) -> Tensor { try x.negated() }

  /// x + y
  ///
  /// - Throws: `TorchError` when the shapes do not broadcast.
  public static func + (x: Tensor, y: Tensor) throws(TorchError) -> Tensor { try x.add(y) }

  /// x + c
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public static func + (x: Tensor, c: Double) throws(TorchError) -> Tensor { try x.add(c) }

  /// c + x
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public static func + (c: Double, x: Tensor) throws(TorchError) -> Tensor { try x.add(c) }

  /// x − y
  ///
  /// - Throws: `TorchError` when the shapes do not broadcast.
  public static func - (x: Tensor, y: Tensor) throws(TorchError) -> Tensor { try x.subtract(y) }

  /// x − c
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public static func - (x: Tensor, c: Double) throws(TorchError) -> Tensor { try x.subtract(c) }

  /// c − x
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public static func - (c: Double, x: Tensor) throws(TorchError) -> Tensor {
    try x.derive("subtract") { ctorch_scalar_binary(CTORCH_SUB, c, x.handle, &$0, &$1) }
  }

  /// x · y, element by element
  ///
  /// - Throws: `TorchError` when the shapes do not broadcast.
  public static func * (x: Tensor, y: Tensor) throws(TorchError) -> Tensor { try x.multiply(y) }

  /// x · c
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public static func * (x: Tensor, c: Double) throws(TorchError) -> Tensor { try x.multiply(c) }

  /// c · x
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public static func * (c: Double, x: Tensor) throws(TorchError) -> Tensor { try x.multiply(c) }

  /// x / y, element by element
  ///
  /// - Throws: `TorchError` when the shapes do not broadcast.
  public static func / (x: Tensor, y: Tensor) throws(TorchError) -> Tensor { try x.divide(y) }

  /// x / c
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public static func / (x: Tensor, c: Double) throws(TorchError) -> Tensor { try x.divide(c) }

  /// c / x
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public static func / (c: Double, x: Tensor) throws(TorchError) -> Tensor {
    try x.derive("divide") { ctorch_scalar_binary(CTORCH_DIV, c, x.handle, &$0, &$1) }
  }
}
