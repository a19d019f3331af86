import CKernels
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
  private let copies: FlatBuffer?

  /// An optimizer that updates `parameters` by `gradients`, both in one layout.
  ///
  /// - Parameter copies: what each step also writes the new parameters to, in the same layout but another type
  /// - Throws: `TorchError` when the layouts differ, or there is no memory for the moments.
  public init(
    parameters: FlatBuffer, gradients: FlatBuffer, copies: FlatBuffer? = nil, options: Options = Options()
  ) throws(TorchError) {
    let shapes = parameters.views.map(\.shape)
    guard gradients.views.map(\.shape) == shapes else {
      throw TorchError(
        kind: .failed, operatorName: "AdamW", reason: "parameters and gradients are laid out differently")
    }
    guard copies.map({ $0.offsets == parameters.offsets && $0.storage.count == parameters.storage.count }) ?? true
    else {
      throw TorchError(kind: .failed, operatorName: "AdamW", reason: "parameters and copies are laid out differently")
    }
    self.parameters = parameters
    self.gradients = gradients
    self.copies = copies
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

  /// A learning rate for `step`, which the caller keeps and fills anew.
  ///
  /// - Returns: a scalar on the device
  /// - Throws: `TorchError` when there is no such device.
  public static func learningRate(_ rate: Double = 0, on device: Device) throws(TorchError) -> Tensor {
    // On the CPU LibTorch reads it as the number that it is; on a GPU its kernels want the type of the parameters.
    try .full([], rate, dtype: device == .cpu ? .float64 : .float32, device: device)
  }

  /// One update of all parameters. Nothing here waits for the device or sends it anything, so a graph may record it: what it
  /// reads when it runs is then in the memory of the tensors given here.
  ///
  /// - Parameters:
  ///   - learningRate: as `learningRate(_:on:)` makes it
  ///   - scaling: how the gradients are to be scaled, and whether the update is left out, steps counted included; as they
  ///     are where nil
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

  /// The same at a rate of this step's own.
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
