/// Weights that do not fit the model: every mismatch, with its full name.
public struct WeightMismatch: Error, CustomStringConvertible {
  /// The file or folder.
  public let source: String
  /// Parameters of the model that the file lacks.
  public let missing: [String]
  /// Tensors of the file that the model does not have.
  public let unexpected: [String]
  /// Tensors of another shape: name, the file's shape, the model's.
  public let misshapen: [(name: String, found: [Int], expected: [Int])]

  /// All mismatches, one per line, and what to check.
  public var description: String {
    var lines = ["\(source): the weights do not fit the model."]
    lines += missing.map { "  missing: \($0)" }
    lines += unexpected.map { "  unexpected: \($0)" }
    lines += misshapen.map { "  shape: \($0.name) is \($0.found) in the file, \($0.expected) in the model" }
    lines.append("Check that config.json (or --hidden-size and --num-hidden-layers) belongs to these weights.")
    return lines.joined(separator: "\n")
  }
}

/// Weights that are NaN or infinite: every loss and every answer of such a model would be NaN.
public struct WeightsNotFinite: Error, CustomStringConvertible {
  /// The file or folder.
  public let source: String
  /// The tensors with such values: name, how many of them, and how many elements there are.
  public let tensors: [(name: String, notFinite: Int, count: Int)]

  /// The tensors, one per line, and what to do.
  public var description: String {
    let shown = 12
    var lines = ["\(source): the weights have values that are not finite (NaN or infinity)."]
    lines += tensors.prefix(shown).map { "  \($0.name): \($0.notFinite) of \($0.count)" }
    if tensors.count > shown {
      lines.append("  and \(tensors.count - shown) more of the \(tensors.count) such tensors")
    }
    lines.append(
      "Use a checkpoint from before training diverged, or one saved in a type with a wider range than float16.")
    return lines.joined(separator: "\n")
  }
}
