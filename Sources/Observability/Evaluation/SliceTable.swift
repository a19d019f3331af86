/// Slices as lines of text, a block per trait.
public struct SliceTable {
  /// The lines; none without slices.
  public let lines: [String]

  /// A table of some slices.
  public init(_ slices: [SliceFigures]) {
    let width = (slices.map { $0.label.count }.max() ?? 0) + 2
    var lines: [String] = []
    var trait: String?
    for slice in slices {
      if slice.trait != trait { lines.append("accuracy by \(slice.trait):") }
      trait = slice.trait
      let label = slice.label + String(repeating: " ", count: width - slice.label.count)
      let pairs = HumanText.counted(slice.pairs, "pair")
      lines.append(
        "  \(label)\(HumanText.percent(slice.accuracy.value)) (\(HumanText.fixed(slice.accuracy.low * 100, 1)) to "
          + "\(HumanText.percent(slice.accuracy.high))), margin \(HumanText.fixed(slice.margin, 3)), \(pairs)")
    }
    self.lines = lines
  }
}
