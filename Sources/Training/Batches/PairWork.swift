import MiniMind
import Preferences

/// How much work pairs are for a model, so that ranks can be dealt equal amounts of it.
///
/// Tokens alone would not do: a long pair's tokens see more of each other, and only tokens with targets pass through the
/// head and the whole last layer. On the same number of tokens that makes several percent.
struct PairWork: Sendable {
  /// Of all layers but the last, and of the last.
  private let before: Double
  private let last: Double
  private let keysAndValues: Double
  private let head: Double
  private let attention: Double
  private let sharesPrefix: Bool

  init(_ model: ModelConfiguration, sharesPrefix: Bool) {
    let perHead = Double(model.hiddenSize * model.headSize)
    keysAndValues = 2 * perHead * Double(model.keyValueHeadCount)
    let common = 2 * perHead * Double(model.headCount) + keysAndValues
    let layers = (0..<model.layerCount).map {
      common + Double(model.feedForwardParameters(ofLayer: $0, active: true))
    }
    (before, last) = (layers.dropLast().reduce(0, +), layers.last ?? 0)
    head = Double(model.vocabularySize * model.hiddenSize)
    attention = 2 * Double(model.headCount * model.headSize * model.layerCount)
    self.sharesPrefix = sharesPrefix
  }

  /// Multiplications of a forward pass, in thousands.
  func callAsFunction(_ pair: TokenizedPair) -> Int {
    let prefix = Double(sharesPrefix ? pair.sharedPrefix : 0)
    let (chosen, rejected) = (Double(pair.chosenIDs.count) - prefix, Double(pair.rejectedIDs.count) - prefix)
    let tokens = prefix + chosen + rejected
    let targets = Double((pair.chosenTargets + pair.rejectedTargets).count { $0 })
    let seen =
      (prefix * prefix + chosen * chosen + rejected * rejected) / 2 + prefix * (chosen + rejected)
    let whole = before * tokens + last * targets + keysAndValues * max(0, tokens - targets)
    return Int((whole + head * targets + attention * seen) / 1000)
  }

  /// The same for pairs of one prompt, which all but the first save.
  func callAsFunction(_ unit: [TokenizedPair]) -> Int {
    let all = unit.reduce(0) { $0 + self($1) }
    guard sharesPrefix, unit.count > 1 else { return all }
    let prefix = Double(unit.sharedPrefix)
    let saved = (before + keysAndValues) * prefix + attention * prefix * prefix / 2
    return all - (unit.count - 1) * Int(saved / 1000)
  }
}
