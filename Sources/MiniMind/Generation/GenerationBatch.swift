import Torch

/// An answer that is being made.
struct RunningSequence {
  let prompt: Int
  let sample: Int
  /// The tokens of the answer; the last has not run through the model yet.
  var tokens: [Int32] = []
  /// The tokens, of prompt and answer, that have.
  var length: Int
  /// What this sample draws with.
  var numbers: DrawnNumbers
  /// The tokens that occurred, of prompt and answer; kept only where the choice looks at them.
  var seen: Set<Int32> = []
}

/// The answers that run side by side, one in each row of the cache.
final class GenerationBatch {
  private let model: CausalLM
  private let rows: Int
  private let options: SamplingOptions
  private let endTokens: Set<Int32>
  private let choice: TokenChoice
  private let cache: BatchedCache
  /// Sequence i is in row i.
  private var running: [RunningSequence] = []
  /// The prompt that ran last: further samples of it need not run it again.
  private var latest: (prompt: Int, cache: KeyValueCache, logits: Tensor)?

  /// Rows of products are a multiple of this; see `CausalLM.generate(prompts:)`.
  private static let rowMultiple = 16

  init(_ model: CausalLM, rows: Int, options: SamplingOptions, endTokens: Set<Int32>) throws(TorchError) {
    (self.model, self.rows, self.options, self.endTokens) = (model, rows, options, endTokens)
    choice = TokenChoice(options)
    cache = try BatchedCache(for: model, rows: roundedUp(rows, to: Self.rowMultiple))
  }

  /// How many answers are running.
  var count: Int { running.count }
  var isEmpty: Bool { running.isEmpty }
  var hasRoom: Bool { running.count < rows }

  /// Begins an answer, of which it chooses the first token.
  ///
  /// - Returns: the answer, where that was all of it
  func admit(_ tokens: [Int32], prompt: Int, sample: Int, number: Int) throws(TorchError) -> [GeneratedAnswer] {
    let (own, logits) = try prefilled(tokens, prompt: prompt)
    var sequence = [
      RunningSequence(
        prompt: prompt, sample: sample, length: tokens.count,
        numbers: DrawnNumbers(seed: options.seed, prompt: number, sample: sample),
        seen: choice.looksBack ? Set(tokens) : [])
    ]
    let first = try choice.tokens(after: &sequence, logits: logits)[0]
    if let answer = take(first, into: &sequence[0]) { return [answer] }
    try cache.put(own, in: running.count)
    running += sequence
    return []
  }

  /// Extends all answers by a token.
  ///
  /// - Returns: those that are complete by it; the last rows take their places
  func step() throws(TorchError) -> [GeneratedAnswer] {
    let empty = roundedUp(running.count, to: Self.rowMultiple) - running.count
    let lengths = running.map(\.length) + Array(repeating: 0, count: empty)
    let last = running.map { Int($0.tokens.last ?? 0) } + Array(repeating: 0, count: empty)
    try cache.begin(lengths: lengths)
    let logits = try model.logits(
      Tensor(last).to(device: model.device), positions: Tensor(lengths).to(device: model.device), pattern: cache)
    for row in running.indices { running[row].length += 1 }
    let chosen = try choice.tokens(after: &running, logits: logits.narrow(0, 0, running.count))
    var complete: [GeneratedAnswer] = []
    // From the end: the row that takes a free place has had its turn.
    for row in running.indices.reversed() {
      guard let answer = take(chosen[row], into: &running[row]) else { continue }
      complete.append(answer)
      if row < running.count - 1 {
        let moved = running[running.count - 1]
        try cache.move(running.count - 1, to: row, count: moved.length)
        running[row] = moved
      }
      running.removeLast()
    }
    return complete
  }

  /// Adds a token to an answer; the answer, if that completes it.
  private func take(_ token: Int32, into sequence: inout RunningSequence) -> GeneratedAnswer? {
    let ends = endTokens.contains(token)
    if !ends {
      sequence.tokens.append(token)
      if choice.looksBack { sequence.seen.insert(token) }
      if sequence.tokens.count < options.maxNewTokens { return nil }
    }
    return GeneratedAnswer(
      prompt: sequence.prompt, sample: sequence.sample, tokens: sequence.tokens, endToken: ends ? token : nil)
  }

  /// Keys and values of a prompt, and the logits after it, `[1, vocabulary]`. A prompt runs alone: its numbers are its own.
  private func prefilled(_ tokens: [Int32], prompt: Int) throws(TorchError) -> (KeyValueCache, Tensor) {
    if let latest, latest.prompt == prompt { return (latest.cache, latest.logits) }
    let own = try KeyValueCache(
      for: model.configuration, capacity: tokens.count, dtype: model.productType, device: model.device)
    let ids = try Tensor(tokens.map(Int.init)).to(device: model.device)
    let logits = try model.nextTokenLogits(ids, cache: own).unsqueeze(0)
    latest = (prompt, own, logits)
    return (own, logits)
  }
}
