import CKernels
import CTorch

/// AdamW, "Decoupled Weight Decay Regularization" (Loshchilov & Hutter, 2019), with PyTorch's definition of each term.
public final class AdamW {
  /// The settings that stay the same during a run.
  public struct Options: Sendable {
    /// β₁, the decay of the first moment.
    public var beta1 = 0.9
    /// β₂, the decay of the second moment.
    public var beta2 = 0.999
    /// ε, added to the root of the second moment.
    public var epsilon = 1e-8
    /// λ: each step multiplies the parameters by 1 − learning rate · λ.
    public var weightDecay = 0.0

    /// PyTorch's defaults, except for the weight decay, which is 0 as in TRL.
    public init(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0) {
      self.beta1 = beta1
      self.beta2 = beta2
      self.epsilon = epsilon
      self.weightDecay = weightDecay
    }
  }

  /// The settings that stay the same during a run.
  public let options: Options
  /// The first moments, in the layout of the parameters.
  public let firstMoments: FlatBuffer
  /// The second moments, in the layout of the parameters.
  public let secondMoments: FlatBuffer

  private let steps: Tensor
  private let parameters: FlatBuffer
  private let gradients: FlatBuffer
  private let copies: FlatBuffer?

  /// An optimizer that updates `parameters` with `gradients`, which have the same layout.
  ///
  /// - Parameter copies: buffers to which each step also writes the new parameters, with the same layout in another type
  /// - Throws: `TorchError` when the layouts differ, or memory for the moments runs out.
  public init(
    parameters: FlatBuffer, gradients: FlatBuffer, copies: FlatBuffer? = nil, options: Options = Options()
  ) throws(TorchError) {
    let shapes = parameters.views.map(\.shape)
    guard gradients.views.map(\.shape) == shapes else {
      throw TorchError(
        kind: .failed, operatorName: "AdamW", reason: "parameters and gradients have different layouts")
    }
    guard copies.map({ $0.offsets == parameters.offsets && $0.storage.count == parameters.storage.count }) ?? true
    else {
      throw TorchError(kind: .failed, operatorName: "AdamW", reason: "parameters and copies have different layouts")
    }
    self.parameters = parameters
    self.gradients = gradients
    self.copies = copies
    self.options = options
    firstMoments = try FlatBuffer(like: parameters)
    secondMoments = try FlatBuffer(like: parameters)
    steps = try .zeros([], device: parameters.storage.device)
  }

  /// The number of steps taken. Reading it waits for the device.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func stepCount() throws(TorchError) -> Int { Int(try steps.item()) }

  /// Continues after a number of steps, with moments that the caller has put in place.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func resume(after count: Int) throws(TorchError) { try steps.fillInPlace(Double(count)) }

  /// A learning rate for `step`, which the caller keeps and refills.
  ///
  /// - Returns: a scalar on the device
  /// - Throws: `TorchError` when there is no such device.
  public static func learningRate(_ rate: Double = 0, on device: Device) throws(TorchError) -> Tensor {
    // On the CPU LibTorch reads it as a double; on a GPU its kernels require the type of the parameters.
    try .full([], rate, dtype: device == .cpu ? .float64 : .float32, device: device)
  }

  /// One update of all parameters. It neither waits for the device nor sends it anything, so a graph can capture it; a replay
  /// reads the current values of the tensors given here.
  ///
  /// - Parameters:
  ///   - learningRate: from `learningRate(_:on:)`
  ///   - scaling: how the gradients are scaled, and whether the update is skipped, which then is not counted as a step;
  ///     nil leaves the gradients unscaled
  /// - Throws: `TorchError` when LibTorch fails.
  public func step(learningRate: Tensor, scaling: GradientScaling? = nil) throws(TorchError) {
    try withExtendedLifetime((self, learningRate, scaling)) { () throws(TorchError) in
      try checked("AdamW.step") {
        ckernels_adamw(
          parameters.storage.handle, gradients.storage.handle, firstMoments.storage.handle,
          secondMoments.storage.handle, copies?.storage.handle, learningRate.handle, steps.handle,
          scaling?.divisor.handle, scaling?.skips.handle, options.native, &$0)
      }
    }
  }

  /// The same with a learning rate for this step only.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func step(learningRate: Double, scaling: GradientScaling? = nil) throws(TorchError) {
    try step(learningRate: Self.learningRate(learningRate, on: parameters.storage.device), scaling: scaling)
  }
}

extension AdamW.Options {
  fileprivate var native: ckernels_adamw_constants {
    ckernels_adamw_constants(beta1: beta1, beta2: beta2, epsilon: epsilon, weight_decay: weightDecay)
  }
}
