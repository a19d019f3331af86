import OrderedCollections
import OrderedJSON
import Torch

/// Low-rank additions to the weights of a model, which are trained in place of these.
public final class Adapter: CustomStringConvertible {
  /// What it is, in PEFT's terms.
  public var configuration: LoRAConfiguration
  /// The layers that have an addition, by their names in the model, in its order.
  public let layers: [(path: String, adapter: LowRankAdapter)]
  /// All parameters in the order of the layers, under the names of PEFT's files.
  public let namedParameters: [NamedParameter]
  /// All parameters in one buffer, `float32`.
  public private(set) var weights: FlatBuffer
  /// The same in the compute dtype, if that is not `float32`.
  package private(set) var copies: FlatBuffer?
  private let dropout: AdapterDropout

  /// What precedes the names of layers in PEFT's files.
  static let filePrefix = "base_model.model."

  /// An adapter with memory for its parameters, all 0.
  ///
  /// - Parameter ranks: of each layer that has an addition; nil for what the configuration says
  init(
    _ configuration: LoRAConfiguration, of targets: [(path: String, layer: Linear)], ranks: [String: Int]? = nil
  ) throws {
    let dropout = try AdapterDropout(probability: configuration.dropout)
    let layers = try targets.enumerated().map { stream, target in
      let rank = try ranks?[target.path] ?? configuration.rank(at: target.path)
      return (
        path: target.path,
        adapter: try LowRankAdapter(
          of: target.layer.weight, rank: rank, scale: configuration.scale(at: target.path),
          learnsMagnitude: configuration.usesDoRA, stream: stream, dropping: dropout)
      )
    }
    (self.configuration, self.layers, self.dropout) = (configuration, layers, dropout)
    namedParameters = layers.flatMap { path, adapter in
      adapter.namedParameters.map { ("\(Self.filePrefix)\(path).\($0.name)", $0.parameter) }
    }
    weights = try FlatBuffer(replacing: namedParameters)
  }

  /// The number of trained numbers.
  public var parameterCount: Int { namedParameters.reduce(0) { $0 + $1.parameter.count } }

  /// The settings in words, on one line.
  public var description: String {
    let ranks = Set(layers.map(\.adapter.rank)).sorted().map(String.init).joined(separator: " to ")
    var names: [String] = []
    for (path, _) in layers {
      let name = path.split(separator: ".").last.map(String.init) ?? path
      if !names.contains(name) { names.append(name) }
    }
    let kind = configuration.usesDoRA ? "DoRA" : configuration.usesRSLoRA ? "rsLoRA" : "LoRA"
    return
      "\(kind) of rank \(ranks), α \(Int(exactly: configuration.alpha).map(String.init) ?? "\(configuration.alpha)"), at \(layers.count) layers (\(names.joined(separator: ", ")))"
      + (drops ? ", dropout \(configuration.dropout)" : "")
  }

  /// Draws A, sets B to 0, and the lengths of rows to those of the weights.
  func initialize(seed: UInt64) throws(TorchError) {
    let generator = try Generator(seed: seed)
    for (_, layer) in layers {
      switch configuration.initialization {
      case .kaiming:
        let bound = 1 / Double(layer.down.shape[1]).squareRoot()
        try layer.down.value.fillUniform(low: -bound, high: bound, from: generator)
      case .gaussian: try layer.down.value.fillNormal(deviation: 1 / Double(layer.rank), from: generator)
      case .miniMind: try layer.down.value.fillNormal(deviation: 0.02, from: generator)
      }
      try layer.up.value.fillInPlace(0)
      if let magnitude = layer.magnitude { try magnitude.value.copyInPlace(layer.rowNorms()) }
    }
  }

  /// Moves the parameters, and sets the type of their copies, as `CausalLM.place(on:multiplyingIn:)` does.
  func place(on device: Device, multiplyingIn type: DType) throws(TorchError) {
    try withoutGrad { () throws(TorchError) in
      if device != weights.storage.device { weights = try FlatBuffer(moving: namedParameters, to: device) }
      copies = type == .float32 ? nil : try FlatBuffer(viewing: weights.storage.detached().to(type), as: weights)
    }
    for (index, (_, parameter)) in namedParameters.enumerated() {
      // The lengths of rows multiply in float32.
      parameter.copy = parameter.shape.count > 1 ? copies?.views[index] : nil
    }
    try dropout.place(on: device)
  }

  func updateCopies() throws(TorchError) {
    try withoutGrad { () throws(TorchError) in try copies?.storage.copyInPlace(weights.storage) }
  }

  /// An adapter of another model object with the same weights, in memory of its own.
  ///
  /// - Parameter targets: the same layers of that object
  func copy(to targets: [(path: String, layer: Linear)]) throws -> Adapter {
    let own = Dictionary(uniqueKeysWithValues: layers.map { ($0.path, $0.adapter.rank) })
    let copy = try Adapter(configuration, of: targets.filter { own[$0.path] != nil }, ranks: own)
    try withoutGrad { try copy.weights.storage.copyInPlace(weights.storage.detached()) }
    return copy
  }

  // MARK: - Dropout

  /// Whether inputs are dropped in training.
  public var drops: Bool { dropout.probability > 0 }

  /// Sets the probability with which inputs are dropped in training, in the configuration too.
  public func setDropout(_ probability: Double) {
    configuration.dropout = probability
    dropout.probability = probability
  }

  /// Before a training pass: which inputs it drops.
  package func prepareDropout(key: UInt64) throws(TorchError) {
    guard drops else { return }
    try dropout.key.refill([Int(truncatingIfNeeded: key)])
  }

  /// Runs a training pass, which drops inputs, with its backward pass.
  package func dropping<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    dropout.isOn = true
    defer { dropout.isOn = false }
    return try body()
  }

  /// The parameters under the names of PEFT's files, converted to a type.
  func tensors(dtype: DType) throws(TorchError) -> OrderedDictionary<String, Tensor> {
    var tensors: OrderedDictionary<String, Tensor> = [:]
    for (name, parameter) in namedParameters { tensors[name] = try parameter.value.detached().to(dtype) }
    return tensors
  }
}
