import CKernels

/// The lengths, in tokens, of a prefix that several sequences share and of their continuations, the branches. In a batch the
/// parts follow each other: prefix, first branch, second branch, ….
///
/// Each branch attends to the prefix and to itself, so the prefix runs once ("prefix sharing", Wang & Hegde, 2024,
/// arXiv:2410.20305). A plain sequence is a tree without branches.
public struct Tree: Hashable, Sendable {
  /// Tokens that all branches follow.
  public var prefix: Int
  /// Tokens of each branch; a branch may have none.
  public var branches: [Int]

  /// A tree of these lengths.
  public init(prefix: Int, branches: [Int] = []) {
    (self.prefix, self.branches) = (prefix, branches)
  }

  /// All tokens of the tree.
  public var count: Int { branches.reduce(prefix, +) }
}

extension [Tree] {
  /// Hands the lengths to the kernels, which read them during the call.
  func withNative<Result>(_ body: (ckernels_trees) throws(TorchError) -> Result) throws(TorchError) -> Result {
    let parts = flatMap { [Int64($0.prefix)] + $0.branches.map(Int64.init) }
    let counts = map { Int64(1 + $0.branches.count) }
    return try parts.withUnsafeBufferPointer { parts throws(TorchError) in
      try counts.withUnsafeBufferPointer { counts throws(TorchError) in
        try body(ckernels_trees(parts: parts.baseAddress, counts: counts.baseAddress, count: counts.count))
      }
    }
  }
}
