import Torch

/// Which tokens attend to which in a forward pass.
///
/// The model itself only has a list of tokens. Whether they are the trees of preference pairs or the next token of a
/// conversation is decided here.
public protocol AttentionPattern: AnyObject {
  /// softmax(q kᵀ · scale) v over the keys each query may see.
  ///
  /// - Parameters:
  ///   - layer: the number of the decoder layer, from 0
  ///   - packed: queries, keys and values of all tokens side by side, `[tokens, heads · size]`; keys and values alone
  ///     where `queries` are given
  ///   - queries: if only some tokens attend: their queries, `[n, query heads · size]`, and which tokens they are,
  ///     `[n]`, `int64`
  ///   - heads: how the heads are laid out in a row that has all of them
  /// - Returns: `[tokens or n, query heads · size]`
  /// - Throws: `TorchError` when LibTorch fails.
  func attend(
    layer: Int, packed: Tensor, queries: (rows: Tensor, of: Tensor)?, heads: HeadLayout, scale: Double
  ) throws(TorchError) -> Tensor

  /// Whether all tokens must attend on a device. `attend` then does not accept the queries of some tokens; the caller
  /// selects rows of the result instead.
  func needsAllQueries(on device: Device) -> Bool
}

extension AttentionPattern {
  /// False: some tokens may attend alone.
  public func needsAllQueries(on device: Device) -> Bool { false }
}
