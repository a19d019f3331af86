extension [TokenizedPair] {
  /// So many of the pairs, drawn without replacement and left in their order; all of them where there are no more.
  /// - Parameters:
  ///   - seed: the run's seed.
  ///   - source: the file's place among those of the run: each has a draw of its own.
  public func sample(_ count: Int, seed: UInt64, source: Int) -> [TokenizedPair] {
    guard count < self.count else { return self }
    // The stream 0x73616D0000000000 ("sam") + source of the seed.
    let order = permutation(count: self.count, seed: seed, stream: 0x7361_6D00_0000_0000 | UInt64(source))
    return order.prefix(count).sorted().map { self[$0] }
  }
}
