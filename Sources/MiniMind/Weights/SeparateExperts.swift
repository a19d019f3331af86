import Checkpoints
import OrderedJSON

/// The tensors of a file in which each expert's weights have names of their own, as `transformers` and MiniMind write them.
///
/// In memory `transformers` 5 stacks the experts of a layer, and files may have them so: `mlp.experts.gate_up_proj`,
/// `[experts, 2 · inner, hidden]`, and `mlp.experts.down_proj`, `[experts, hidden, inner]`. Their parts are views; nothing is
/// copied.
struct SeparateExperts {
  /// All names; those of stacks are replaced by those of their parts.
  let names: [String]
  private let parts: TextDictionary<StoredTensor>
  private let stored: (String) -> StoredTensor?

  init(names: [String], stored: @escaping (String) -> StoredTensor?) {
    self.stored = stored
    guard names.contains(where: { Self.stack(in: $0) != nil }) else {
      (self.names, parts) = (names, [:])
      return
    }
    var separate: [String] = []
    var parts: TextDictionary<StoredTensor> = [:]
    for name in names {
      guard let (layer, projections) = Self.stack(in: name), let stack = stored(name), stack.shape.count == 3,
        stack.count > 0,
        stack.shape[1] % projections.count == 0
      else {
        separate.append(name)
        continue
      }
      let rows = stack.shape[1] / projections.count
      for expert in 0..<stack.shape[0] {
        for (place, projection) in projections.enumerated() {
          let part = "\(layer).\(expert).\(projection).weight"
          separate.append(part)
          parts[part] = stack.element(expert).rows(place * rows..<(place + 1) * rows)
        }
      }
    }
    (self.names, self.parts) = (separate, parts)
  }

  subscript(name: String) -> StoredTensor? { parts[name] ?? stored(name) }

  /// The layer's experts and the projections that a stack of this name holds.
  private static func stack(in name: String) -> (layer: String, projections: [String])? {
    for (ending, projections) in [("gate_up_proj", ["gate_proj", "up_proj"]), ("down_proj", ["down_proj"])] {
      let suffix = ".mlp.experts." + ending
      guard name.hasTextSuffix(suffix) else { continue }
      return (String(name.unicodeScalars.dropLast(ending.unicodeScalars.count + 1)), projections)
    }
    return nil
  }
}
