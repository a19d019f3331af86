import Torch

extension CausalLM {
  /// The linear layers that can be adapted, by their names: those of attention and of dense feed-forward networks.
  var adaptableLayers: [(path: String, layer: Linear)] {
    linearLayers(of: self, prefix: "").filter { $0.path != "lm_head" && !$0.path.contains(".experts.") }
  }

  /// Freezes the weights and gives the model a new adapter, which adds nothing yet.
  ///
  /// - Parameter seed: of what is drawn
  /// - Throws: `AdapterError` where no layer is a target; `TorchError`.
  public func addAdapter(_ configuration: LoRAConfiguration, seed: UInt64) throws {
    let targets = try layers(chosenBy: configuration.targets)
    let adapter = try Adapter(configuration, of: targets)
    try adapter.initialize(seed: seed)
    try take(adapter)
  }

  /// What a training changes: the adapter's parameters or, without one, all.
  public var trainedParameters: [NamedParameter] { adapter?.namedParameters ?? namedParameters }

  /// The same in one buffer.
  public var trainedWeights: FlatBuffer { adapter?.weights ?? weights }

  /// The same in the compute dtype, if that is not `float32`.
  package var trainedCopies: FlatBuffer? { adapter == nil ? copies : adapter?.copies }

  /// A model over the same weights without the adapter: what it was trained from, at no memory.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func base() throws(TorchError) -> CausalLM { try CausalLM(sharing: self) }

  /// A model over the same weights with a copy of the adapter as it is now.
  ///
  /// - Throws: `TorchError` when memory runs out.
  public func withCopiedAdapter() throws -> CausalLM {
    let model = try base()
    guard let adapter else { return model }
    let copy = try adapter.copy(to: model.adaptableLayers)
    try model.take(copy)
    return model
  }

  /// Adds the adapter to the weights, which then are the model's own again. The copies of the weights follow.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func mergeAdapter() throws(TorchError) {
    guard let adapter else { return }
    let layers = Dictionary(uniqueKeysWithValues: adaptableLayers.map { ($0.path, $0.layer) })
    for (path, part) in adapter.layers {
      guard let layer = layers[path] else { continue }
      let merged = try part.merged()
      try withoutGrad { () throws(TorchError) in try layer.weight.value.copyInPlace(merged) }
      layer.adapter = nil
    }
    dropAdapter()
    try updateCopies()
  }

  /// The layers that are targets; every name among these must be that of a layer.
  private func layers(chosenBy targets: LoRAConfiguration.Targets) throws(AdapterError) -> [(
    path: String, layer: Linear
  )] {
    let all = adaptableLayers
    var chosen: [(path: String, layer: Linear)] = []
    var unmatched: [String] = []
    switch targets {
    case .allLinear: chosen = all
    case .square:
      chosen = all.filter { $0.layer.weight.shape[0] == $0.layer.weight.shape[1] }
      if chosen.isEmpty { unmatched = ["square"] }
    case .pattern(let text):
      let pattern = try NamePattern(whole: text)
      for target in all where try pattern.matches(target.path) { chosen.append(target) }
      if chosen.isEmpty { unmatched = [text] }
    case .names(let names):
      func isCalled(_ path: String, _ name: String) -> Bool { path == name || path.hasSuffix("." + name) }
      chosen = all.filter { target in names.contains { isCalled(target.path, $0) } }
      unmatched = names.filter { name in !all.contains { isCalled($0.path, name) } }
    }
    guard unmatched.isEmpty else {
      var kinds: [String] = []
      for (path, _) in all {
        let kind = String(path[(path.lastIndex(of: ".").map(path.index(after:)) ?? path.startIndex)...])
        if !kinds.contains(kind) { kinds.append(kind) }
      }
      throw .noTarget(unmatched, layers: kinds)
    }
    return chosen
  }
}

/// The linear layers of a module and of what it consists of, in the order of declaration.
private func linearLayers(of module: any Module, prefix: String) -> [(path: String, layer: Linear)] {
  module.members.flatMap { member -> [(path: String, layer: Linear)] in
    switch member {
    case .parameter: return []
    case .module(let name, let part):
      if let layer = part as? Linear { return [(prefix + name, layer)] }
      return linearLayers(of: part, prefix: prefix + name + ".")
    case .list(let name, let parts):
      return parts.enumerated().flatMap { index, part in
        linearLayers(of: part, prefix: "\(prefix)\(name).\(index).")
      }
    }
  }
}
