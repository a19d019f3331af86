import CKernels

/// The lengths, in tokens, of a prefix that two sequences share and of their continuations. In a batch the three parts follow
/// each other: prefix, first, second.
///
/// Each continuation attends to the prefix and to itself, so the prefix runs once ("prefix sharing", Wang & Hegde, 2024,
/// arXiv:2410.20305). A plain sequence is a tree with only a prefix.
public struct Tree: Hashable, Sendable {
  /// Tokens that both continuations follow.
  public var prefix: Int
  /// Tokens of the first continuation.
  public var first: Int
  /// Tokens of the second continuation.
  public var second: Int

  /// A tree of these lengths.
  public init(prefix: Int, first: Int = 0, second: Int = 0) {
    (self.prefix, self.first, self.second) = (prefix, first, second)
  }

  /// All tokens of the tree.
  public var count: Int { prefix + first + second }

  /// The same for the kernels.
  var native: ckernels_tree { ckernels_tree(prefix: Int64(prefix), first: Int64(first), second: Int64(second)) }
}
