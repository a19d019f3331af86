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
  ///   - query: `[tokens, heads, size]`
  ///   - key: `[tokens, key heads, size]`
  ///   - value: `[tokens, key heads, size]`
  /// - Returns: `[tokens, heads · size]`
  /// - Throws: `TorchError` when LibTorch fails.
  func attend(layer: Int, query: Tensor, key: Tensor, value: Tensor, scale: Double) throws(TorchError) -> Tensor
}

extension Tensor {
  /// `[tokens, heads, size]` as LibTorch's attention wants it, `[1, heads, tokens, size]`.
  var asHeads: Tensor { get throws(TorchError) { try transpose(0, 1).unsqueeze(0) } }

  /// `[1, heads, tokens, size]` back to `[tokens, heads, size]`.
  var asTokens: Tensor { get throws(TorchError) { try squeeze(0).transpose(0, 1) } }
}
