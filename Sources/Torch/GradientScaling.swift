import CTorch

/// What is done to gradients before an update, decided where they are: the host need not wait for their norm.
public struct GradientScaling {
  /// The gradients' norm before clipping, of the unscaled loss; a scalar.
  public let norm: Tensor
  /// What gradients are divided by, a `float32` scalar: at least the loss scale, more where the norm exceeds its maximum.
  public let divisor: Tensor
  /// 1 where the norm is not a finite number, so that the update is to be left out; else 0. A `float32` scalar.
  public let skips: Tensor

  /// Clips to a norm, as PyTorch's `clip_grad_norm_` does.
  ///
  /// - Parameters:
  ///   - norm: of the gradients as they are, a scalar
  ///   - maximum: no clipping where it is 0 or less
  ///   - lossScale: what the loss was multiplied by, a scalar; 1 where nil
  /// - Throws: `TorchError` when LibTorch fails.
  public init(norm: Tensor, maximum: Double, lossScale: Tensor? = nil) throws(TorchError) {
    let norm = try lossScale.map { scale throws(TorchError) in try norm.divide(scale) } ?? norm
    self.norm = norm
    skips = try norm.isFinite().logicalNot().to(.float32)
    // PyTorch's 1e-6 keeps a norm of 0 from dividing.
    let excess =
      maximum > 0
      ? try norm.add(1e-6).divide(maximum).clamp(1...Double.infinity) : try Tensor.full([], 1, device: norm.device)
    divisor = try (lossScale.map { scale throws(TorchError) in try excess.multiply(scale) } ?? excess).to(.float32)
  }
}

/// The factor of the loss that keeps gradients within `float16`'s range ("Mixed Precision Training", Micikevicius et al.,
/// 2018, section 3.2): halved when they overflow, doubled when they have not for long. The constants are PyTorch's.
public final class LossScale {
  /// The factor, a `float32` scalar on the device.
  public let factor: Tensor
  /// Steps since its last change, an `int32` scalar.
  private let tracker: Tensor

  /// The factor that a run starts with.
  public static let initial = 65536.0

  /// - Throws: `TorchError` when LibTorch fails.
  public init(device: Device) throws(TorchError) {
    factor = try .full([], Self.initial, device: device)
    tracker = try .zeros([], dtype: .int32, device: device)
  }

  /// Behind a step.
  ///
  /// - Parameter skipped: 1 where its gradients were not finite, a `float32` scalar
  /// - Throws: `TorchError` when LibTorch fails.
  public func update(skipped: Tensor) throws(TorchError) {
    try withExtendedLifetime((self, skipped)) { () throws(TorchError) in
      try checked("LossScale.update") {
        ctorch_update_loss_scale(factor.handle, tracker.handle, skipped.handle, 2, 0.5, 2000, &$0)
      }
    }
  }

  /// The factor, and the steps since its last change. Asking waits for the device.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func state() throws(TorchError) -> (factor: Double, steps: Int) {
    (try factor.item(), try tracker.to(.int64).intItem())
  }

  /// Goes on from an earlier state.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func resume(factor: Double, steps: Int) throws(TorchError) {
    try self.factor.fillInPlace(factor)
    try tracker.fillInPlace(Double(steps))
  }
}
