/// A regular expression, compiled once into instructions for `PatternMatcher`.
struct PatternProgram: Sendable {
  enum Instruction: Sendable {
    /// One scalar of a set.
    case set(Int)
    /// A scalar between U+0000 and U+007F.
    case byte(UInt8)
    /// As many scalars of a set as possible, fewer when what follows does not match.
    case greedyRun(set: Int, atLeast: Int, atMost: Int)
    /// As few scalars of a set as possible.
    case lazyRun(set: Int, atLeast: Int, atMost: Int)
    /// As many scalars of a set as possible, for good.
    case possessiveRun(set: Int, atLeast: Int, atMost: Int)
    /// Goes on at the first place and, when that fails, at the second.
    case fork(Int, otherwise: Int)
    case jump(Int)
    /// Goes elsewhere unless the next byte is one with which the branch that follows can begin: most branches are ruled
    /// out that way, without having been tried.
    case expect(bytes: Int, otherwise: Int)
    /// Matches the instructions up to `end`; goes on there, at the same position, when they do (or do not) match.
    case lookAhead(end: Int, isNegative: Bool)
    /// The same, starting some scalars earlier.
    case lookBehind(length: Int, end: Int, isNegative: Bool)
    /// Matches the instructions up to `end` without ever reconsidering them.
    case atomic(end: Int)
    case assertion(PatternNode.Assertion)
    /// The end of the pattern, or of the inner instructions.
    case accept
  }

  private(set) var instructions: [Instruction] = []
  private(set) var sets: [ScalarSet] = []
  /// Tables of 256 for `expect`, one after the other.
  private(set) var expectedBytes: [Bool] = []
  /// Which bytes a match can begin with; all of them where a match can be empty.
  let firstBytes: [Bool]

  /// Compiles a pattern.
  init(_ pattern: String) throws(PatternError) {
    let tree = try PatternParser.parse(pattern)
    var first = [Bool](repeating: false, count: 256)
    if tree.addFirstBytes(to: &first) { first = [Bool](repeating: true, count: 256) }
    firstBytes = first
    try emit(tree)
    instructions.append(.accept)
  }

  private mutating func emit(_ node: PatternNode) throws(PatternError) {
    guard instructions.count < 20_000 else {
      throw PatternError(found: "a regular expression of more than 20,000 steps")
    }
    switch node {
    case .empty: break
    case .set(let set):
      if set.mask == 0, !set.isComplement, set.ranges.count == 1, set.ranges[0].count == 1,
        set.ranges[0].lowerBound < 128
      {
        instructions.append(.byte(UInt8(set.ranges[0].lowerBound)))
      } else {
        instructions.append(.set(index(of: set)))
      }
    case .sequence(let nodes):
      for node in nodes { try emit(node) }
    case .alternation(let nodes):
      try emit(alternatives: nodes)
    case .repetition(let node, let least, let most, let greed):
      try emit(node, atLeast: least, atMost: most, greed)
    case .look(let node, .ahead, let isNegative):
      try emit(within: node) { .lookAhead(end: $0, isNegative: isNegative) }
    case .look(let node, .behind, let isNegative):
      let length = node.length ?? 0
      try emit(within: node) { .lookBehind(length: length, end: $0, isNegative: isNegative) }
    case .atomic(let node):
      try emit(within: node) { .atomic(end: $0) }
    case .assertion(let assertion):
      instructions.append(.assertion(assertion))
    }
  }

  /// An instruction, what it holds, and `accept`.
  private mutating func emit(within node: PatternNode, _ make: (Int) -> Instruction) throws(PatternError) {
    let start = instructions.count
    instructions.append(.accept)
    try emit(node)
    instructions.append(.accept)
    instructions[start] = make(instructions.count)
  }

  private mutating func emit(alternatives nodes: [PatternNode]) throws(PatternError) {
    var jumps: [Int] = []
    for (number, node) in nodes.enumerated() {
      guard number + 1 < nodes.count else {
        try emit(node)
        break
      }
      let start = instructions.count
      var first = [Bool](repeating: false, count: 256)
      let canBeEmpty = node.addFirstBytes(to: &first)
      if !canBeEmpty { instructions.append(.accept) }
      let fork = instructions.count
      instructions.append(.accept)
      try emit(node)
      jumps.append(instructions.count)
      instructions.append(.accept)
      instructions[fork] = .fork(fork + 1, otherwise: instructions.count)
      if !canBeEmpty {
        instructions[start] = .expect(bytes: expectedBytes.count, otherwise: instructions.count)
        expectedBytes += first
      }
    }
    for jump in jumps { instructions[jump] = .jump(instructions.count) }
  }

  private mutating func emit(
    _ node: PatternNode, atLeast least: Int, atMost most: Int?, _ greed: PatternNode.Greed
  ) throws(PatternError) {
    if case .set(let set) = node {
      let set = index(of: set)
      let most = most ?? .max
      switch greed {
      case .greedy: instructions.append(.greedyRun(set: set, atLeast: least, atMost: most))
      case .lazy: instructions.append(.lazyRun(set: set, atLeast: least, atMost: most))
      case .possessive: instructions.append(.possessiveRun(set: set, atLeast: least, atMost: most))
      }
      return
    }
    if greed == .possessive {
      return try emit(.atomic(.repetition(node, atLeast: least, atMost: most, .greedy)))
    }
    for _ in 0..<least { try emit(node) }
    func fork(_ inside: Int, _ outside: Int) -> Instruction {
      greed == .greedy ? .fork(inside, otherwise: outside) : .fork(outside, otherwise: inside)
    }
    guard let most else {
      let start = instructions.count
      instructions.append(.accept)
      try emit(node)
      instructions.append(.jump(start))
      instructions[start] = fork(start + 1, instructions.count)
      return
    }
    var forks: [Int] = []
    for _ in least..<max(least, most) {
      forks.append(instructions.count)
      instructions.append(.accept)
      try emit(node)
    }
    for place in forks { instructions[place] = fork(place + 1, instructions.count) }
  }

  private mutating func index(of set: ScalarSet) -> Int {
    if let index = sets.firstIndex(of: set) { return index }
    sets.append(set)
    return sets.count - 1
  }
}
