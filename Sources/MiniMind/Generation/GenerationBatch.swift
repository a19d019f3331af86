import Torch

/// Answers that are made side by side, one in each row of a cache; each may come and go between two steps and has options of
/// its own.
///
/// What an answer is does not depend on what runs beside it; see `CausalLM.generate(prompts:)`, which is this batch fed with
/// a list. To be used without gradients.
public final class GenerationBatch {
  private let model: CausalLM
  private let rows: Int
  private let choice: TokenChoice
  private let cache: BatchedCache
  /// Sequence i is in row i.
  private var running: [RunningSequence] = []
  /// The prompt that ran last: further answers to it need not run it again.
  private var latest: (prompt: [Int32], cache: KeyValueCache, logits: Tensor)?

  /// Rows of products are a multiple of this; see `CausalLM.generate(prompts:)`.
  private static let rowMultiple = 16
  /// On the CPU, products of more rows than this change their algorithm.
  private static let mostRowsOnCPU = 240

  /// - Parameters:
  ///   - rows: how many answers run at once, at most; on the CPU no more than 240
  ///   - tokenCount: only ids below it are chosen: those that the tokenizer can turn into text; nil for all
  /// - Throws: `TorchError` when memory runs out.
  public init(_ model: CausalLM, rows: Int, tokenCount: Int? = nil) throws(TorchError) {
    self.model = model
    self.rows = max(1, model.device == .cpu ? min(rows, Self.mostRowsOnCPU) : rows)
    choice = TokenChoice(tokenCount: tokenCount)
    cache = try BatchedCache(for: model)
  }

  /// How many answers are running.
  public var count: Int { running.count }
  /// Whether none is.
  public var isEmpty: Bool { running.isEmpty }
  /// Whether another one may come.
  public var hasRoom: Bool { running.count < rows }

  /// The tokens for which there must be memory when one more answer runs and all grow as long as they may: every row is as
  /// wide as the longest.
  public func cacheTokens(adding prompt: Int, answer: Int) -> Int {
    roundedUp(running.count + 1, to: Self.rowMultiple) * running.reduce(prompt + answer) { max($0, $1.limit) }
  }

  /// Begins an answer, of which it chooses the first token.
  ///
  /// - Parameters:
  ///   - prompt: at least one token
  ///   - id: how it is called in what `step()` returns
  ///   - endTokens: tokens that end it
  ///   - number: the number of the prompt by which draws are made, beside `options.seed`
  ///   - sample: the number of the answer to that prompt
  /// - Returns: its first token, or its end
  /// - Throws: `TorchError` when LibTorch fails, for instance for an id outside the vocabulary.
  public func admit(
    _ prompt: [Int32], as id: Int, options: SamplingOptions, endTokens: Set<Int32>, number: Int, sample: Int = 0
  ) throws(TorchError) -> SequenceStep {
    let (own, logits) = try prefilled(prompt)
    var sequence = [
      RunningSequence(
        id: id, prompt: prompt, options: options, endTokens: endTokens,
        numbers: DrawnNumbers(seed: options.seed, prompt: number, sample: sample))
    ]
    let first = try choice.tokens(after: &sequence, logits: logits)[0]
    let step = sequence[0].take(first)
    guard step.end == nil else { return step }
    try reserve(rows: running.count + 1, width: sequence[0].length + 1, limit: sequence[0].limit)
    try cache.put(own, in: running.count)
    running += sequence
    return step
  }

  /// Extends all answers by a token.
  ///
  /// - Returns: what became of each; those that ended are gone
  /// - Throws: `TorchError` when LibTorch fails.
  public func step() throws(TorchError) -> [SequenceStep] {
    guard !running.isEmpty else { return [] }
    let empty = roundedUp(running.count, to: Self.rowMultiple) - running.count
    let lengths = running.map(\.length) + Array(repeating: 0, count: empty)
    let last = running.map { Int($0.last) } + Array(repeating: 0, count: empty)
    try reserve(rows: running.count, width: (lengths.max() ?? 0) + 1)
    try cache.begin(lengths: lengths)
    let logits = try model.logits(
      Tensor(last).to(device: model.device), positions: Tensor(lengths).to(device: model.device), pattern: cache)
    for row in running.indices { running[row].length += 1 }
    let chosen = try choice.tokens(after: &running, logits: logits.narrow(0, 0, running.count))
    let steps = running.indices.map { running[$0].take(chosen[$0]) }
    // From the end: the row that takes a free place has had its turn.
    for row in running.indices.reversed() where steps[row].end != nil {
      try remove(row: row, isSound: steps[row].end != .notFinite)
    }
    return steps
  }

  /// Takes an answer out before its end; nothing where it has ended.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func remove(_ id: Int) throws(TorchError) {
    guard let row = running.firstIndex(where: { $0.id == id }) else { return }
    try remove(row: row, isSound: true)
  }

  /// The last row takes the place of one that is free.
  ///
  /// - Parameter isSound: whether what the row leaves in the cache are finite numbers
  private func remove(row: Int, isSound: Bool) throws(TorchError) {
    if !isSound { try cache.clear(row) }
    let last = running.count - 1
    if row < last {
      try cache.move(last, to: row, count: running[last].length)
      running[row] = running[last]
    }
    running.removeLast()
    if running.isEmpty { try cache.release() }
  }

  private func reserve(rows: Int, width: Int, limit: Int = 0) throws(TorchError) {
    try cache.reserve(
      rows: roundedUp(rows, to: Self.rowMultiple), width: width, atMost: running.reduce(limit) { max($0, $1.limit) })
  }

  /// Keys and values of a prompt, and the logits after it, `[1, vocabulary]`. A prompt runs alone: its numbers are its own.
  private func prefilled(_ prompt: [Int32]) throws(TorchError) -> (KeyValueCache, Tensor) {
    if let latest, latest.prompt == prompt { return (latest.cache, latest.logits) }
    latest = nil
    let own = try KeyValueCache(
      for: model.configuration, capacity: prompt.count, dtype: model.productType, device: model.device)
    let ids = try Tensor(prompt.map(Int.init)).to(device: model.device)
    let logits = try model.nextTokenLogits(ids, cache: own).unsqueeze(0)
    latest = (prompt, own, logits)
    return (own, logits)
  }
}
