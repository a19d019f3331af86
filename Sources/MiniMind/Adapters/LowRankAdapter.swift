import Torch

/// What is trained beside the frozen weight W of a linear layer: W + s · B A. With DoRA (arXiv:2402.09353) each row of that sum
/// has a length of its own, m.
public final class LowRankAdapter: Module {
  /// A, `[rank, in]`
  public let down: Parameter
  /// B, `[out, rank]`
  public let up: Parameter
  /// m, `[out]`; nil without DoRA.
  public let magnitude: Parameter?
  /// s
  public let scale: Double

  private let weight: Parameter
  private let stream: Int
  private let dropping: AdapterDropout
  /// The sums of squares of the rows of W, `[out]`: W does not change. On the device that was used last.
  private var knownSquares: Tensor?

  /// - Parameters:
  ///   - stream: a number of its own among the adapters of a model
  ///   - dropping: when and what to drop, for all adapters of a model
  init(
    of weight: Parameter, rank: Int, scale: Double, learnsMagnitude: Bool, stream: Int, dropping: AdapterDropout
  ) throws(TorchError) {
    let (outputs, inputs) = (weight.shape[0], weight.shape[1])
    down = try Parameter([rank, inputs])
    up = try Parameter([outputs, rank])
    magnitude = learnsMagnitude ? try Parameter([outputs]) : nil
    (self.weight, self.scale, self.stream, self.dropping) = (weight, scale, stream, dropping)
  }

  /// Under the names of PEFT's files.
  public var members: [Member] {
    [.parameter("lora_A.weight", down), .parameter("lora_B.weight", up)]
      + (magnitude.map { [.parameter("lora_magnitude_vector", $0)] } ?? [])
  }

  /// The rank.
  var rank: Int { down.shape[0] }

  /// What is added to the weight.
  var addition: LowRankAddition {
    LowRankAddition(down: down.weight, up: up.weight, scale: scale, dropout: dropping.of(stream))
  }

  /// What each output is multiplied by, `[out]`: m / ‖W + s B A‖, where the gradient does not pass through the norm
  /// (arXiv:2402.09353, section 4.3); nil without DoRA.
  func rowFactors() throws(TorchError) -> Tensor? {
    guard let magnitude else { return nil }
    return try magnitude.value / rowNorms()
  }

  /// The lengths of the rows of W + s B A, `[out]`, without gradients.
  ///
  /// ‖w + s b A‖² = ‖w‖² + 2 s b (A wᵀ) + s² b (A Aᵀ) bᵀ: the sum itself, as large as W, is not needed.
  func rowNorms() throws(TorchError) -> Tensor {
    try withoutGrad { () throws(TorchError) in
      let (a, b, w) = try (down.value.detached(), up.value.detached(), weight.value.detached())
      let cross = try (w.matmul(a.transpose(0, 1)) * b).sum(1)
      let square = try (b.matmul(a.matmul(a.transpose(0, 1))) * b).sum(1)
      return try (squares() + cross * (2 * scale) + square * (scale * scale)).sqrt()
    }
  }

  private func squares() throws(TorchError) -> Tensor {
    if let knownSquares, knownSquares.device == weight.value.device { return knownSquares }
    let w = try weight.value.detached()
    let squares = try (w * w).sum(1)
    knownSquares = squares
    return squares
  }

  /// The weight that layer and adapter amount to, `[out, in]`.
  func merged() throws(TorchError) -> Tensor {
    try withoutGrad { () throws(TorchError) in
      let product = try up.value.detached().matmul(down.value.detached())
      let sum = try weight.value.detached() + product * scale
      return try rowFactors().map { factors throws(TorchError) in try sum * factors.detached().unsqueeze(1) } ?? sum
    }
  }
}

/// When inputs of a model's adapters are dropped, and which.
final class AdapterDropout {
  var probability: Double
  /// Whether a training pass runs.
  var isOn = false
  /// Refilled before each pass.
  private(set) var key: Tensor

  init(probability: Double) throws(TorchError) {
    self.probability = probability
    key = try .zeros([], dtype: .int64)
  }

  func place(on device: Device) throws(TorchError) {
    if key.device != device { key = try key.to(device: device) }
  }

  func of(_ stream: Int) -> LowRankAddition.Dropout? {
    isOn && probability > 0 ? .init(probability: probability, key: key, stream: stream) : nil
  }
}
