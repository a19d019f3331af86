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
  /// The number of steps taken; a resumed run sets it to that of its checkpoint.
  public var stepCount: Int

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
    stepCount = 0
  }

  /// One update of all parameters.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func step(learningRate: Double) throws(TorchError) {
    let steps = try Tensor.full([], Double(stepCount + 1), device: parameters.storage.device)
    try withExtendedLifetime((self, steps)) { () throws(TorchError) in
      try checked("AdamW.step") {
        ctorch_adamw(
          parameters.storage.handle, gradients.storage.handle, firstMoments.storage.handle,
          secondMoments.storage.handle, steps.handle, learningRate, options.beta1, options.beta2, options.weightDecay,
          options.epsilon, &$0)
      }
    }
    stepCount += 1
  }
}

/// Scales gradients so that their Euclidean norm is at most `maximum`.
///
/// - Parameter maximum: no clipping where it is 0 or less.
/// - Returns: the norm before, a scalar.
/// - Throws: `TorchError` when LibTorch fails.
@discardableResult
public func clipGradientNorm(_ gradients: FlatBuffer, maximum: Double) throws(TorchError) -> Double {
  let norm = try gradients.storage.norm().item()
  // PyTorch's clip_grad_norm_: the 1e-6 keeps a norm of 0 from dividing.
  let scale = maximum / (norm + 1e-6)
  if maximum > 0, scale < 1 { try gradients.storage.multiplyInPlace(scale) }
  return norm
}
