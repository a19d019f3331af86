import Torch

/// A decoder-only language model with the architecture of Qwen3, Qwen3-MoE, Qwen2 or Llama; MiniMind's models are of these kinds.
///
/// ```swift
/// let model = try CausalLM(configuration)
/// let ids = try Tensor([1, 17, 4] as [Int])
/// let logits = try model.logits(ids, positions: .arange(0..<3), pattern: PackedTrees([Tree(prefix: 3)]))
/// ```
public final class CausalLM: Module {
  /// The model's shape.
  public let configuration: ModelConfiguration
  /// All parameters in one buffer, in the order of `namedParameters`, `float32`.
  public private(set) var weights: FlatBuffer
  /// The same in the compute dtype, if that is not `float32`.
  package private(set) var copies: FlatBuffer?
  /// Gradient checkpointing: whether the backward pass recomputes each layer and the head instead of keeping their
  /// activations and the logits in memory. It takes about a third more FLOPs and a fraction of the memory; the numbers are
  /// the same.
  public var recomputesLayers = false
  /// What is trained in place of the weights, which are then frozen; nil where they are trained themselves.
  public private(set) var adapter: Adapter?
  /// All parameters in declaration order under their Hugging Face names, without those of the adapter.
  public let namedParameters: [NamedParameter]

  private let backbone: Backbone
  private let head: Linear?
  /// The model whose weights these are; nil for own ones.
  private let owner: CausalLM?

  /// A model with memory for its weights, all 0.
  ///
  /// - Throws: `TorchError` when memory runs out.
  public convenience init(_ configuration: ModelConfiguration) throws(TorchError) {
    try self.init(configuration, owner: nil)
  }

  /// A model over the weights of another one, which no training changes, and without its adapter.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  convenience init(sharing other: CausalLM) throws(TorchError) {
    try self.init(other.configuration, owner: other)
  }

  private init(_ configuration: ModelConfiguration, owner: CausalLM?) throws(TorchError) {
    keepTensorPages()
    self.configuration = configuration
    self.owner = owner
    backbone = try Backbone(configuration)
    head =
      configuration.tiesEmbeddings
      ? nil : try Linear(input: configuration.hiddenSize, output: configuration.vocabularySize)
    let parts = ModelParts(backbone: backbone, head: head)
    namedParameters = parts.namedParameters
    if let owner {
      weights = owner.weights
      takeWeights(of: owner)
    } else {
      weights = try FlatBuffer(replacing: namedParameters)
    }
  }

  private func takeWeights(of owner: CausalLM) {
    (weights, copies) = (owner.weights, owner.copies)
    for ((_, own), (_, other)) in zip(namedParameters, owner.namedParameters) {
      (own.value, own.copy) = (other.value, other.copy)
    }
  }

  /// Takes an adapter of layers of this model.
  func take(_ adapter: Adapter) throws(TorchError) {
    try adapter.place(on: device, multiplyingIn: productType)
    let parts = Dictionary(uniqueKeysWithValues: adapter.layers.map { ($0.path, $0.adapter) })
    for (path, layer) in adaptableLayers { layer.adapter = parts[path] }
    self.adapter = adapter
  }

  /// Forgets the adapter.
  func dropAdapter() { adapter = nil }

  /// The network and, where it is not tied to the embedding, the head.
  public var members: [Member] { ModelParts(backbone: backbone, head: head).members }

  /// Draws matrices from N(0, 0.02²) and sets norms to 1 and biases to 0, as `transformers` initializes these models.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func initializeRandomly(seed: UInt64) throws(TorchError) {
    let generator = try Generator(seed: seed)
    for (name, parameter) in namedParameters {
      if parameter.shape.count == 1 {
        try parameter.value.fillInPlace(name.hasSuffix(".bias") ? 0 : 1)
      } else {
        try parameter.value.fillNormal(deviation: 0.02, from: generator)
      }
    }
  }

  /// Moves the model to a device and sets the compute dtype, the type of its matmuls.
  ///
  /// Weights stay `float32`; matmuls in 16 bits use a copy of them, which `updateCopies()` renews.
  ///
  /// - Parameter type: `float32`, `bfloat16` or `float16`
  /// - Throws: `TorchError` when the device does not exist or has too little memory.
  public func place(on device: Device, multiplyingIn type: DType = .float32) throws(TorchError) {
    try adapter?.place(on: device, multiplyingIn: type)
    if let owner {
      if owner.device != device || owner.productType != type { try owner.place(on: device, multiplyingIn: type) }
      return takeWeights(of: owner)
    }
    try withoutGrad { () throws(TorchError) in
      if device != weights.storage.device { weights = try FlatBuffer(moving: namedParameters, to: device) }
      copies =
        type == .float32 ? nil : try FlatBuffer(viewing: weights.storage.detached().to(type), as: weights)
    }
    for (index, (_, parameter)) in namedParameters.enumerated() {
      // Norms are computed in float32, and biases are converted as they are added.
      parameter.copy = parameter.shape.count > 1 ? copies?.views[index] : nil
    }
  }

  /// The device of the weights.
  public var device: Device { weights.storage.device }

  /// The compute dtype.
  public var productType: DType { copies?.storage.dtype ?? weights.storage.dtype }

  /// Copies the weights to the compute dtype; to be called after every change of the weights.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func updateCopies() throws(TorchError) {
    try withoutGrad { () throws(TorchError) in try copies?.storage.copyInPlace(weights.storage) }
    try adapter?.updateCopies()
  }

  /// The output of the last layer after the final norm.
  ///
  /// - Parameters:
  ///   - tokens: `[tokens]`, `int64`
  ///   - positions: `[tokens]`, `int64`: each token's place in its own sequence, from 0
  ///   - pattern: which tokens see each other
  ///   - rows: the tokens whose states to return, `[n]`, `int64`; all if nil. For the others the last layer computes only keys
  ///     and values, and for `use` what its router decides.
  ///   - use: receives how experts are used; nil where nobody asks
  /// - Returns: `[tokens or n, hidden]`
  /// - Throws: `TorchError` when LibTorch fails, for instance for an id outside the vocabulary.
  public func hiddenStates(
    _ tokens: Tensor, positions: Tensor, pattern: any AttentionPattern, rows: Tensor? = nil,
    counting use: ExpertUse? = nil
  ) throws(TorchError) -> Tensor {
    try backbone(
      tokens, positions: positions, pattern: pattern, rows: rows, counting: use, recomputes: recomputesLayers)
  }

  /// The logits of the next token after every token.
  ///
  /// - Returns: `[tokens, vocabulary]`
  /// - Throws: `TorchError` when LibTorch fails.
  public func logits(
    _ tokens: Tensor, positions: Tensor, pattern: any AttentionPattern
  ) throws(TorchError) -> Tensor {
    try scores(hiddenStates(tokens, positions: positions, pattern: pattern))
  }

  /// log p(target | the tokens before it), from the hidden states that predict the targets.
  ///
  /// - Parameters:
  ///   - hidden: `[targets, hidden]`
  ///   - targets: `[targets]`, `int64`
  /// - Returns: `[targets]`, `float32`
  /// - Throws: `TorchError` when LibTorch fails.
  public func logProbabilities(_ hidden: Tensor, of targets: Tensor) throws(TorchError) -> Tensor {
    try Torch.logProbabilities(hidden, weight: headWeight, targets: targets, keepsLogits: !recomputesLayers)
  }

  /// The same with numbers about each distribution, from the same pass over the logits.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func predictions(_ hidden: Tensor, of targets: Tensor) throws(TorchError) -> TokenPredictions {
    try tokenPredictions(hidden, weight: headWeight, targets: targets, keepsLogits: !recomputesLayers)
  }

  /// The logits of the token that follows those in the cache and the new ones.
  ///
  /// - Parameter tokens: the new ones, `[tokens]`, `int64`
  /// - Returns: `[vocabulary]`
  /// - Throws: `TorchError` when LibTorch fails or the cache is full.
  public func nextTokenLogits(_ tokens: Tensor, cache: KeyValueCache) throws(TorchError) -> Tensor {
    let new = tokens.count
    let positions = try Tensor.arange(cache.count..<cache.count + new, device: tokens.device)
    let hidden = try hiddenStates(tokens, positions: positions, pattern: cache)
    cache.advance(new)
    return try scores(hidden.narrow(0, new - 1, 1)).squeeze(0)
  }

  private func scores(_ hidden: Tensor) throws(TorchError) -> Tensor {
    try projections(hidden, weights: [headWeight])
  }

  private var headWeight: Weight { (head?.weight ?? backbone.embedding.weight).weight }
}

/// The model's two parts under their names in weight files.
private final class ModelParts: Module {
  let backbone: Backbone
  let head: Linear?

  init(backbone: Backbone, head: Linear?) {
    self.backbone = backbone
    self.head = head
  }

  var members: [Member] { [.module("model", backbone)] + (head.map { [.module("lm_head", $0)] } ?? []) }
}

/// Embedding, decoder layers, final norm.
private final class Backbone: Module {
  let embedding: Embedding
  private let layers: [DecoderLayer]
  private let norm: RMSNorm
  private let rotary: RotaryEmbedding

  init(_ configuration: ModelConfiguration) throws(TorchError) {
    rotary = RotaryEmbedding(configuration.rope, headSize: configuration.headSize)
    embedding = try Embedding(entries: configuration.vocabularySize, size: configuration.hiddenSize)
    var layers: [DecoderLayer] = []
    for number in 0..<configuration.layerCount { layers.append(try DecoderLayer(configuration, number: number)) }
    self.layers = layers
    norm = try RMSNorm(size: configuration.hiddenSize, epsilon: configuration.normEpsilon)
  }

  var members: [Member] { [.module("embed_tokens", embedding), .list("layers", layers), .module("norm", norm)] }

  func callAsFunction(
    _ tokens: Tensor, positions: Tensor, pattern: any AttentionPattern, rows: Tensor?, counting use: ExpertUse?,
    recomputes: Bool
  ) throws(TorchError) -> Tensor {
    let type = embedding.weight.weight.type
    let rotary = try rotary.tables(positions)
    var stream = ResidualStream(x: try embedding(tokens), delta: nil)
    for (index, layer) in layers.enumerated() {
      let rows = index == layers.count - 1 ? rows : nil
      func run(_ x: Tensor, _ delta: Tensor?) throws(TorchError) -> [Tensor] {
        let (x, delta, used) = try layer(
          ResidualStream(x: x, delta: delta), layer: index, rotary: rotary, pattern: pattern, rows: rows, counting: use)
        return [x, delta] + (used.map { [$0] } ?? [])
      }
      let results = use != nil && layer.hasExperts ? 3 : 2
      let made =
        try recomputes && isGradEnabled
        ? recomputed(stream.x, stream.delta, results: results, run) : run(stream.x, stream.delta)
      stream = ResidualStream(x: made[0], delta: made[1])
      if let use, made.count > 2 { use.append(made[2]) }
    }
    return try norm(stream.x, adding: stream.delta, type: type).normed
  }
}
