import Torch

/// Which tokens a forward pass runs over and which of them see each other.
///
/// The model itself knows only a list of tokens; whether they are the trees of preference pairs or the next token of a
/// conversation is this type's business.
public protocol AttentionPattern: AnyObject {
  /// softmax(q kᵀ · scale) v over the keys each query may see.
  ///
  /// - Parameters:
  ///   - layer: the number of the decoder layer, from 0
  ///   - packed: queries, keys and values of all tokens side by side, `[tokens, heads · size]`; keys and values alone
  ///     where `queries` are given
  ///   - queries: where only some tokens ask: their queries, `[n, query heads · size]`, and which tokens they are,
  ///     `[n]`, `int64`
  ///   - heads: how the heads lie in a row that holds all of them
  /// - Returns: `[tokens or n, query heads · size]`
  /// - Throws: `TorchError` when LibTorch fails.
  func attend(
    layer: Int, packed: Tensor, queries: (rows: Tensor, of: Tensor)?, heads: HeadLayout, scale: Double
  ) throws(TorchError) -> Tensor

  /// Whether on a device all tokens must ask: `attend` then takes no queries of some, and who wants the results of some
  /// selects them behind it.
  func needsAllQueries(on device: Device) -> Bool
}

extension AttentionPattern {
  /// Some may ask alone.
  public func needsAllQueries(on device: Device) -> Bool { false }
}
