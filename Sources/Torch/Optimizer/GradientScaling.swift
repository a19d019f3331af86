import CKernels
import CTorch

/// Σ x² over all elements of some buffers, a `float64` scalar. The sums of several ranks can be added.
///
/// - Parameter buffers: `float32`, on one device, at least one
/// - Throws: `TorchError` when LibTorch fails.
public func sumOfSquares(_ buffers: [Tensor]) throws(TorchError) -> Tensor {
  try produce("sumOfSquares") { out, error in
    withHandles(buffers) { ckernels_sum_of_squares($0, $1, &out, &error) }
  }
}

/// The scaling of gradients before an update, computed on their device: the host does not wait for their norm.
public struct GradientScaling {
  /// The gradients' norm before clipping, of the unscaled loss; a `float32` scalar.
  public let norm: Tensor
  /// The divisor of the gradients, a `float32` scalar: the loss scale, or more if the norm exceeds its maximum.
  public let divisor: Tensor
  /// 1 if the norm is not finite, so that the update must be skipped; otherwise 0. A `float32` scalar.
  public let skips: Tensor

  /// Clips to a norm like PyTorch's `clip_grad_norm_`.
  ///
  /// - Parameters:
  ///   - sumOfSquares: of all gradients, before scaling, a `float64` scalar
  ///   - maximum: of the norm; no clipping if it is 0 or less
  ///   - lossScale: the factor of the loss, a `float32` scalar; 1 if nil
  /// - Throws: `TorchError` when LibTorch fails.
  public init(sumOfSquares: Tensor, maximum: Double, lossScale: Tensor? = nil) throws(TorchError) {
    var (divisor, skips): (ctorch_tensor?, ctorch_tensor?)
    norm = try withExtendedLifetime((sumOfSquares, lossScale)) { () throws(TorchError) in
      try produce("GradientScaling") {
        ckernels_gradient_scaling(sumOfSquares.handle, lossScale?.handle, maximum, &$0, &divisor, &skips, &$1)
      }
    }
    guard let divisor, let skips else {
      throw TorchError(kind: .failed, operatorName: "GradientScaling", reason: "nothing was returned")
    }
    (self.divisor, self.skips) = (Tensor(owning: divisor), Tensor(owning: skips))
  }
}

/// The factor of the loss that keeps gradients within `float16`'s range ("Mixed Precision Training", Micikevicius et al.,
/// 2018, section 3.2): halved when they overflow, doubled after many steps without overflow. The constants are PyTorch's.
public final class LossScale {
  /// The factor, a `float32` scalar on the device.
  public let factor: Tensor
  /// Steps since its last change, an `int32` scalar.
  private let tracker: Tensor

  /// The factor at the start of a run.
  public static let initial = 65536.0

  /// - Throws: `TorchError` when LibTorch fails.
  public init(device: Device) throws(TorchError) {
    factor = try .full([], Self.initial, device: device)
    tracker = try .zeros([], dtype: .int32, device: device)
  }

  /// To be called after each step.
  ///
  /// - Parameter skipped: 1 if the gradients were not finite, a `float32` scalar
  /// - Throws: `TorchError` when LibTorch fails.
  public func update(skipped: Tensor) throws(TorchError) {
    try withExtendedLifetime((self, skipped)) { () throws(TorchError) in
      try checked("LossScale.update") {
        ctorch_update_loss_scale(factor.handle, tracker.handle, skipped.handle, 2, 0.5, 2000, &$0)
      }
    }
  }

  /// The factor, and the steps since its last change. Reading them waits for the device.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func state() throws(TorchError) -> (factor: Double, steps: Int) {
    (try factor.item(), try tracker.to(.int64).intItem())
  }

  /// Continues from an earlier state.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func resume(factor: Double, steps: Int) throws(TorchError) {
    try self.factor.fillInPlace(factor)
    try tracker.fillInPlace(Double(steps))
  }
}
