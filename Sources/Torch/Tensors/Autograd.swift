import CTorch

extension Tensor {
  /// Whether autograd computes gradients for or through this tensor.
  public var requiresGrad: Bool { withExtendedLifetime(self) { ctorch_requires_grad(handle) } }

  /// Sets whether autograd computes a gradient for this leaf.
  ///
  /// - Throws: `TorchError` when the type is not floating-point, or the tensor was computed from variables.
  public func setRequiresGrad(_ flag: Bool) throws(TorchError) {
    try perform("setRequiresGrad") { ctorch_set_requires_grad(handle, flag, &$0) }
  }

  /// The same elements, detached from the graph.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func detached() throws(TorchError) -> Tensor {
    try derive("detached") { ctorch_detach(handle, &$0, &$1) }
  }

  /// The accumulated gradient, if any.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func gradient() throws(TorchError) -> Tensor? {
    var gradient: ctorch_tensor?
    try perform("gradient") { ctorch_grad(handle, &gradient, &$0) }
    return gradient.map { Tensor(owning: $0) }
  }

  /// Sets the tensor into which gradients are accumulated (`backward` adds to it in place), or removes it.
  ///
  /// - Throws: `TorchError` when shape, type or device of the two differ.
  public func setGradient(_ gradient: Tensor?) throws(TorchError) {
    try withExtendedLifetime(gradient) { () throws(TorchError) in
      try perform("setGradient") { ctorch_set_grad(handle, gradient?.handle, &$0) }
    }
  }

  /// Adds the gradient of this tensor, weighted by `gradient` (1 for a scalar), to the gradient of each leaf.
  ///
  /// - Throws: `TorchError` when nothing here requires a gradient, when `gradient` has another shape or is missing for
  ///   more than one element, or when an earlier call has freed the graph.
  public func backward(_ gradient: Tensor? = nil) throws(TorchError) {
    try withExtendedLifetime(gradient) { () throws(TorchError) in
      try perform("backward") { ctorch_backward(handle, gradient?.handle, &$0) }
    }
  }
}

/// Whether operators on this thread are recorded for the backward pass.
public var isGradEnabled: Bool { ctorch_grad_enabled() }

/// Runs the body without recording on this thread, and then restores the mode.
///
/// - Throws: what the body throws.
public func withoutGrad<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
  let before = ctorch_grad_enabled()
  ctorch_set_grad_enabled(false)
  defer { ctorch_set_grad_enabled(before) }
  return try body()
}
