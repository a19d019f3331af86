/// Pairs held out of the training data: `--eval-split`.
public enum HeldOutSize: Hashable, Sendable, CustomStringConvertible {
  /// A share of the pairs, above 0 and below 1.
  case share(Double)
  /// So many pairs.
  case count(Int)

  /// Reads a share (`0.02`) or a number of pairs (`500`), as scikit-learn's `test_size` and LLaMA-Factory's `val_size` are
  /// read; nil for anything else.
  public init?(_ text: String) {
    if let count = Int(text), count >= 1 {
      self = .count(count)
    } else if let share = Double(text), share > 0, share < 1 {
      self = .share(share)
    } else {
      return nil
    }
  }

  /// The number as the user would write it.
  public var description: String {
    switch self {
    case .share(let share): "\(share)"
    case .count(let count): "\(count)"
    }
  }

  func pairs(of total: Int) -> Int {
    switch self {
    case .share(let share): max(1, Int((share * Double(total)).rounded()))
    case .count(let count): count
    }
  }
}

/// Why pairs cannot be held out.
public enum PromptSplitError: Error, Hashable, Sendable, CustomStringConvertible {
  /// All pairs answer the same prompt.
  case onePrompt(pairs: Int)
  /// Nothing would be left to learn from.
  case tooMany(wanted: Int, pairs: Int)

  /// What is wrong, and what to do.
  public var description: String {
    switch self {
    case .onePrompt(let pairs):
      "--eval-split: all \(pairs) pairs answer the same prompt, and a split keeps a prompt on one side. Name held-out pairs with "
        + "--eval-data."
    case .tooMany(let wanted, let pairs):
      "--eval-split: \(wanted) of \(pairs) pairs would leave nothing to learn from. Hold out fewer."
    }
  }
}

extension [TokenizedPair] {
  /// The pairs to learn from and those that are held out, both in order, such that no prompt is on both sides.
  ///
  /// Prompts are taken in an order that the seed and the prompt alone decide, as long as their pairs fit into the size: so a
  /// prompt stays on its side, by and large, when other data is added. Where prompts have several pairs, slightly fewer may be
  /// held out than asked for; at least one prompt is.
  /// - Throws: `PromptSplitError` where there is one prompt only, or nothing would be left.
  public func splitByPrompt(
    _ size: HeldOutSize, seed: UInt64
  ) throws(PromptSplitError) -> (training: [TokenizedPair], heldOut: [TokenizedPair]) {
    let wanted = size.pairs(of: count)
    guard wanted < count else { throw .tooMany(wanted: wanted, pairs: count) }
    var pairsOfPrompt: [UInt64: Int] = [:]
    for pair in self { pairsOfPrompt[pair.promptKey, default: 0] += 1 }
    guard pairsOfPrompt.count > 1 else { throw .onePrompt(pairs: count) }

    let drawn: [(place: UInt64, key: UInt64)] = pairsOfPrompt.keys.map { key in
      var generator = SeededGenerator(seed: seed, stream: key)
      return (generator.next(), key)
    }.sorted { $0 < $1 }
    var heldOut: Set<UInt64> = []
    var room = wanted
    for (_, key) in drawn where pairsOfPrompt[key, default: 0] <= room {
      heldOut.insert(key)
      room -= pairsOfPrompt[key, default: 0]
    }
    if heldOut.isEmpty {
      // All prompts have more pairs than were asked for.
      let smallest = pairsOfPrompt.values.min()
      if let (_, key) = drawn.first(where: { pairsOfPrompt[$0.key] == smallest }) { heldOut.insert(key) }
    }
    return (filter { !heldOut.contains($0.promptKey) }, filter { heldOut.contains($0.promptKey) })
  }
}
