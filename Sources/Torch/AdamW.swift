import CTorch

/// AdamW, "Decoupled Weight Decay Regularization" (Loshchilov & Hutter, 2019), with PyTorch's definition of each term.
public final class AdamW {
  /// What stays the same during a run.
  public struct Options: Sendable {
    /// β₁, the decay of the first moment.
    public var beta1 = 0.9
    /// β₂, the decay of the second moment.
    public var beta2 = 0.999
    /// ε, added to the root of the second moment.
    public var epsilon = 1e-8
    /// λ: each step multiplies the parameters by 1 − learning rate · λ.
    public var weightDecay = 0.0

    /// PyTorch's defaults, but for the weight decay, which is 0 as in TRL.
    public init(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0) {
      self.beta1 = beta1
      self.beta2 = beta2
      self.epsilon = epsilon
      self.weightDecay = weightDecay
    }
  }

  /// What stays the same during a run.
  public let options: Options
  /// The first moments, in the layout of the parameters.
  public let firstMoments: FlatBuffer
  /// The second moments, in the layout of the parameters.
  public let secondMoments: FlatBuffer

  private let steps: Tensor
  private let parameters: FlatBuffer
  private let gradients: FlatBuffer

  /// An optimizer that updates `parameters` by `gradients`, both in one layout.
  ///
  /// - Throws: `TorchError` when the layouts differ, or there is no memory for the moments.
  public init(parameters: FlatBuffer, gradients: FlatBuffer, options: Options = Options()) throws(TorchError) {
    let shapes = parameters.views.map(\.shape)
    guard gradients.views.map(\.shape) == shapes else {
      throw TorchError(
        kind: .failed, operatorName: "AdamW", reason: "parameters and gradients are laid out differently")
    }
    self.parameters = parameters
    self.gradients = gradients
    self.options = options
    firstMoments = try FlatBuffer(like: parameters)
    secondMoments = try FlatBuffer(like: parameters)
    steps = try .zeros([], device: parameters.storage.device)
  }

  /// The number of steps taken. Asking waits for the device.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func stepCount() throws(TorchError) -> Int { Int(try steps.item()) }

  /// Goes on behind so many steps, with moments that the caller has put in place.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func resume(behind count: Int) throws(TorchError) { try steps.fillInPlace(Double(count)) }

  /// One update of all parameters. Nothing here waits for the device.
  ///
  /// - Parameter scaling: how the gradients are to be scaled, and whether the update is left out; as they are where nil
  /// - Throws: `TorchError` when LibTorch fails.
  public func step(learningRate: Double, scaling: GradientScaling? = nil) throws(TorchError) {
    let device = parameters.storage.device
    let rate = try Tensor.full([], learningRate, dtype: device == .cpu ? .float64 : .float32, device: device)
    try steps.addInPlace(1)
    try withExtendedLifetime((self, rate, scaling)) { () throws(TorchError) in
      try checked("AdamW.step") {
        ctorch_adamw(
          parameters.storage.handle, gradients.storage.handle, firstMoments.storage.handle,
          secondMoments.storage.handle, steps.handle, rate.handle, options.beta1, options.beta2, options.weightDecay,
          options.epsilon, scaling?.divisor.handle, scaling?.skips.handle, &$0)
      }
    }
    if let scaling { try steps.subtractInPlace(scaling.skips) }
  }
}
