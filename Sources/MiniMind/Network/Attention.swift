import Torch

/// Grouped-query attention (Ainslie et al., 2023, arXiv:2305.13245) with rotary positions; with normalized queries and keys for
/// Qwen3, and with biases for Qwen2.
public final class Attention: Module {
  private let configuration: ModelConfiguration
  private let queryProjection: Linear
  private let keyProjection: Linear
  private let valueProjection: Linear
  private let outputProjection: Linear
  private let queryNorm: RMSNorm?
  private let keyNorm: RMSNorm?

  init(_ configuration: ModelConfiguration) throws(TorchError) {
    let (hidden, size) = (configuration.hiddenSize, configuration.headSize)
    self.configuration = configuration
    let (queries, keys) = (configuration.headCount * size, configuration.keyValueHeadCount * size)
    let biases = configuration.attentionBiases
    queryProjection = try Linear(input: hidden, output: queries, hasBias: biases != .none)
    keyProjection = try Linear(input: hidden, output: keys, hasBias: biases != .none)
    valueProjection = try Linear(input: hidden, output: keys, hasBias: biases != .none)
    outputProjection = try Linear(input: queries, output: hidden, hasBias: biases == .onAll)
    let hasNorm = configuration.hasQueryKeyNorm
    queryNorm = hasNorm ? try RMSNorm(size: size, epsilon: configuration.normEpsilon) : nil
    keyNorm = hasNorm ? try RMSNorm(size: size, epsilon: configuration.normEpsilon) : nil
  }

  /// Projections, their biases, then norms.
  public var members: [Member] {
    let projections = [
      ("q_proj", queryProjection), ("k_proj", keyProjection), ("v_proj", valueProjection), ("o_proj", outputProjection),
    ]
    var members: [Member] = projections.map { .module($0, $1) }
    members += projections.compactMap { name, layer in layer.bias.map { .parameter("\(name).bias", $0) } }
    if let queryNorm, let keyNorm { members += [.module("q_norm", queryNorm), .module("k_norm", keyNorm)] }
    return members
  }

  /// The compute dtype.
  var type: DType { queryProjection.type }

  /// - Parameter rows: the tokens whose outputs to return, `[n]`, `int64`; all if nil. The others contribute only keys and
  ///   values.
  func callAsFunction(
    _ x: Tensor, layer: Int, rotary: RotaryTables, pattern: any AttentionPattern, rows: Tensor?
  ) throws(TorchError) -> Tensor {
    let heads = HeadLayout(
      queries: configuration.headCount, keys: configuration.keyValueHeadCount, values: configuration.keyValueHeadCount,
      size: configuration.headSize)
    let scale = 1 / Double(heads.size).squareRoot()
    guard let rows, !pattern.needsAllQueries(on: x.device) else {
      let packed = try rotated(
        Linear.sideBySide([queryProjection, keyProjection, valueProjection], x), heads, rotary)
      let attended = try pattern.attend(layer: layer, packed: packed, queries: nil, heads: heads, scale: scale)
      return try outputProjection(rows.map { rows throws(TorchError) in try attended.indexSelect(0, rows) } ?? attended)
    }
    let asked = try rotated(
      queryProjection(x.indexSelect(0, rows)),
      HeadLayout(queries: heads.queries, keys: 0, values: 0, size: heads.size), rotary.rows(rows))
    let seen = try rotated(
      Linear.sideBySide([keyProjection, valueProjection], x),
      HeadLayout(queries: 0, keys: heads.keys, values: heads.values, size: heads.size), rotary)
    return try outputProjection(
      pattern.attend(layer: layer, packed: seen, queries: (asked, rows), heads: heads, scale: scale))
  }

  private func rotated(
    _ packed: Tensor, _ heads: HeadLayout, _ rotary: RotaryTables
  ) throws(TorchError) -> Tensor {
    try rotatedHeads(
      packed, heads, queryNorm: queryNorm?.weight.value, keyNorm: keyNorm?.weight.value,
      epsilon: configuration.normEpsilon, cosines: rotary.cosines, sines: rotary.sines)
  }
}
