import Torch

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
  public let tensors: [NotFiniteTensor]

  /// The tensors, one per line, and what to do.
  public var description: String {
    (["\(source): the weights have values that are not finite (NaN or infinity)."] + lines(of: tensors) + [
      "Use a checkpoint from before training diverged, or one saved in a type with a wider range than float16."
    ]).joined(separator: "\n")
  }
}

/// Weights that are NaN or infinite in the type in which they were to be saved: nothing could be done with such a file.
public struct WeightsCannotBeSaved: Error, CustomStringConvertible {
  /// The file or folder.
  public let destination: String
  /// The type of the weights there.
  public let dtype: DType
  /// The tensors with such values.
  public let tensors: [NotFiniteTensor]

  /// Weights that are not saved.
  public init(destination: String, dtype: DType, tensors: [NotFiniteTensor]) {
    (self.destination, self.dtype, self.tensors) = (destination, dtype, tensors)
  }

  /// The tensors, one per line, and what to do.
  public var description: String {
    let remedy =
      dtype == .float16
      ? "float16 ends at 65504: save them as float32 or bfloat16. Where they are not finite there either, training has diverged"
      : "Training has diverged: take an earlier checkpoint, and lower the learning rate"
    return
      ([
        "\(destination) is not written: as \(dtype.rawValue) the weights have values that are not finite (NaN or infinity)."
      ]
      + lines(of: tensors) + [remedy + "."]).joined(separator: "\n")
  }
}

/// A line for each tensor, up to a dozen.
private func lines(of tensors: [NotFiniteTensor]) -> [String] {
  let shown = 12
  return tensors.prefix(shown).map { "  \($0.name): \($0.notFinite) of \($0.count)" }
    + (tensors.count > shown ? ["  and \(tensors.count - shown) more of the \(tensors.count) such tensors"] : [])
}
