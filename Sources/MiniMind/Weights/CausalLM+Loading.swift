import OrderedJSON
import Torch

extension CausalLM {
  /// Copies weights into the model, converted to its type. Strict: every parameter must be there, in its shape, and
  /// nothing else; and every value must be a finite number.
  ///
  /// - Throws: `WeightMismatch`, `WeightsNotFinite` (the weights are copied then), `FileError` for damaged files,
  ///   `TorchError`.
  public func load(_ state: StateDictionary) throws {
    let tiedHead = configuration.tiesEmbeddings ? "lm_head.weight" : nil
    let known = Set(namedParameters.map { ExactText($0.name) })
    let present = Set(state.names.map { ExactText($0) })
    let missing = namedParameters.map(\.name).filter { !present.contains(ExactText($0)) }
    var unexpected = state.names.filter { !known.contains(ExactText($0)) && $0 != tiedHead && !Self.isDerived($0) }
    let misshapen = namedParameters.compactMap { name, parameter -> (name: String, found: [Int], expected: [Int])? in
      guard let shape = state.shape(of: name), shape != parameter.shape else { return nil }
      return (name, shape, parameter.shape)
    }
    if let tiedHead, missing.isEmpty, try !state.isCopy(tiedHead, of: "model.embed_tokens.weight") {
      // A separate head would be lost silently if the configuration ties it to the embedding.
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

  private func requireFiniteWeights(from source: String) throws {
    let tensors = try tensorsNotFinite()
    guard tensors.isEmpty else { throw WeightsNotFinite(source: source, tensors: tensors) }
  }

  /// Tables that older files carry and that follow from the configuration.
  private static func isDerived(_ name: String) -> Bool {
    ["freqs_cos", "freqs_sin", "pos_cis", "rotary_emb.inv_freq"].contains { name.hasTextSuffix($0) }
  }
}

extension StateDictionary {
  /// Whether a tensor is absent or equal to another, element by element.
  fileprivate func isCopy(_ name: String, of original: String) throws -> Bool {
    guard let tensor = try tensor(name), let other = try self.tensor(original) else { return true }
    guard tensor.shape == other.shape else { return false }
    // Bytes first: NaN is not equal to itself, but a copy of NaN is still a copy.
    return try hasSameBytes(name, as: original) || tensor.equal(other).all().item() != 0
  }
}
