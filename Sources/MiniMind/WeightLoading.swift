import Torch

/// Weight files that do not fit the model: every misfit, with its full name.
public struct WeightMismatch: Error, CustomStringConvertible {
  /// The file or folder.
  public let source: String
  /// Parameters of the model that the file lacks.
  public let missing: [String]
  /// Tensors of the file that the model has no place for.
  public let unexpected: [String]
  /// Tensors of another shape: name, the file's shape, the model's.
  public let misshapen: [(name: String, found: [Int], expected: [Int])]

  /// All misfits, a line each, and what to check.
  public var description: String {
    var lines = ["\(source): the weights do not fit the model."]
    lines += missing.map { "  missing: \($0)" }
    lines += unexpected.map { "  unexpected: \($0)" }
    lines += misshapen.map { "  shape: \($0.name) is \($0.found) in the file, \($0.expected) in the model" }
    lines.append("Check that config.json (or --hidden-size and --num-hidden-layers) belongs to these weights.")
    return lines.joined(separator: "\n")
  }
}

/// Weights that are NaN or infinite: every answer of such a model, and every loss, would be NaN.
public struct WeightsNotFinite: Error, CustomStringConvertible {
  /// The file or folder.
  public let source: String
  /// The tensors with such values: name, how many of them, and how many elements there are.
  public let tensors: [(name: String, notFinite: Int, count: Int)]

  /// The tensors, a line each, and what to do.
  public var description: String {
    let shown = 12
    var lines = ["\(source): the weights hold values that are not finite numbers (NaN or infinity)."]
    lines += tensors.prefix(shown).map { "  \($0.name): \($0.notFinite) of \($0.count)" }
    if tensors.count > shown {
      lines.append("  and \(tensors.count - shown) more of the \(tensors.count) such tensors")
    }
    lines.append(
      "Use a checkpoint from before training diverged, or one saved in a type with a wider range than float16.")
    return lines.joined(separator: "\n")
  }
}

extension CausalLM {
  /// Copies weights into the model, converted to its type. Strict: every parameter must be there, in its shape, and
  /// nothing else; and every value must be a finite number.
  ///
  /// - Throws: `WeightMismatch`, `WeightsNotFinite` (the weights are copied then), `FileError` for damaged files,
  ///   `TorchError`.
  public func load(_ state: StateDictionary) throws {
    let tiedHead = configuration.tiesEmbeddings ? "lm_head.weight" : nil
    let known = Set(namedParameters.map(\.name))
    let present = Set(state.names)
    let missing = namedParameters.map(\.name).filter { !present.contains($0) }
    var unexpected = state.names.filter { !known.contains($0) && $0 != tiedHead && !Self.isDerived($0) }
    let misshapen = namedParameters.compactMap { name, parameter -> (name: String, found: [Int], expected: [Int])? in
      guard let shape = state.shape(of: name), shape != parameter.shape else { return nil }
      return (name, shape, parameter.shape)
    }
    if let tiedHead, missing.isEmpty, try !state.isCopy(tiedHead, of: "model.embed_tokens.weight") {
      // A head of its own beside a configuration that ties it would be lost in silence.
      unexpected.append("\(tiedHead) (differs from model.embed_tokens.weight although the configuration ties them)")
    }
    guard missing.isEmpty, unexpected.isEmpty, misshapen.isEmpty else {
      throw WeightMismatch(source: state.source, missing: missing, unexpected: unexpected, misshapen: misshapen)
    }
    for (name, parameter) in namedParameters {
      guard let tensor = try state.tensor(name) else { continue }
      try withoutGrad { try parameter.value.copyInPlace(tensor) }
    }
    try requireFiniteWeights(from: state.source)
  }

  /// A NaN or an infinity anywhere makes the sum of all weights one too, and a sum is a single fast pass. Only then are the
  /// tensors looked through; a sum of finite weights that overflows leads there as well, and finds none.
  private func requireFiniteWeights(from source: String) throws {
    guard try withoutGrad({ try !weights.storage.sum().item().isFinite }) else { return }
    let tensors = try namedParameters.map { name, parameter in
      let values = try parameter.value.detached().to(device: .cpu).array(Float.self)
      return (name: name, notFinite: values.count { !$0.isFinite }, count: values.count)
    }.filter { $0.notFinite > 0 }
    guard tensors.isEmpty else { throw WeightsNotFinite(source: source, tensors: tensors) }
  }

  /// Tables that older files carry and that follow from the configuration.
  private static func isDerived(_ name: String) -> Bool {
    ["freqs_cos", "freqs_sin", "pos_cis", "rotary_emb.inv_freq"].contains { name.hasSuffix($0) }
  }
}

extension StateDictionary {
  /// Whether a tensor is absent or equal to another, element by element.
  fileprivate func isCopy(_ name: String, of original: String) throws -> Bool {
    guard let tensor = try tensor(name), let other = try self.tensor(original) else { return true }
    guard tensor.shape == other.shape else { return false }
    // By their bytes first: NaN is not equal to itself, but a copy of it is a copy.
    return try hasSameBytes(name, as: original) || tensor.equal(other).all().item() != 0
  }
}
