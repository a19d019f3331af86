import Torch

/// The keys and values of many conversations at once, one in each row, of which every step extends all by a token.
///
/// Rows are of different lengths and end where they end: what lies behind is masked, so a row's result depends on its own
/// tokens alone, whatever the width of the step.
final class BatchedCache: AttentionPattern {
  private let type: DType
  private let device: Device
  private let heads: (count: Int, size: Int)
  /// Of each layer, `[rows, width, heads, size]`; they grow with the number of conversations and with the longest.
  private var keys: [Tensor] = []
  private var values: [Tensor] = []
  private var (rows, width) = (0, 0)
  /// What the layers of one step share.
  private var step: Step?

  private struct Step {
    /// Rows that run, of which the last may be empty.
    let rows: Int
    /// Keys that are looked at.
    let width: Int
    /// Neighbouring rows of equal length, which are written at once.
    let runs: [(row: Int, count: Int, length: Int)]
    /// Added to the scores: 0 where a row has a key, −∞ behind its end, `[rows, 1, 1, width]`.
    let mask: Tensor
  }

  /// - Throws: `TorchError` when memory runs out.
  init(for model: CausalLM) throws(TorchError) {
    type = model.productType
    device = model.device
    heads = (model.configuration.keyValueHeadCount, model.configuration.headSize)
    for _ in 0..<model.configuration.layerCount {
      keys.append(try .empty([0, 0, heads.count, heads.size], dtype: type, device: device))
      values.append(try .empty([0, 0, heads.count, heads.size], dtype: type, device: device))
    }
  }

  /// Puts a conversation that ran alone into a row, for which there is room.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  func put(_ conversation: KeyValueCache, in row: Int) throws(TorchError) {
    for layer in keys.indices {
      let (own, other) = (conversation.keys[layer], conversation.values[layer])
      try keys[layer].select(0, row).narrow(0, 0, conversation.count)
        .copyInPlace(own.narrow(0, 0, conversation.count))
      try values[layer].select(0, row).narrow(0, 0, conversation.count)
        .copyInPlace(other.narrow(0, 0, conversation.count))
    }
  }

  /// Moves the first tokens of a row to another.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  func move(_ row: Int, to other: Int, count: Int) throws(TorchError) {
    for tensors in [keys, values] {
      for tensor in tensors {
        try tensor.select(0, other).narrow(0, 0, count).copyInPlace(tensor.select(0, row).narrow(0, 0, count))
      }
    }
  }

  /// Forgets what a row holds, where that may be no finite numbers.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  func clear(_ row: Int) throws(TorchError) {
    for tensor in keys + values { try tensor.select(0, row).fillInPlace(0) }
  }

  /// Gives the memory back.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  func release() throws(TorchError) {
    for layer in keys.indices {
      keys[layer] = try .empty([0, 0, heads.count, heads.size], dtype: type, device: device)
      values[layer] = try .empty([0, 0, heads.count, heads.size], dtype: type, device: device)
    }
    (rows, width) = (0, 0)
  }

  /// Prepares a step in which each row gets one more token, for which there is room.
  ///
  /// - Parameter lengths: the tokens that each row has; 0 for rows that run along without a conversation
  /// - Throws: `TorchError` when LibTorch fails.
  func begin(lengths: [Int]) throws(TorchError) {
    let longest = (lengths.max() ?? 0) + 1
    // Kernels like widths that are multiples of their vectors.
    let width = min(self.width, roundedUp(longest, to: 16))
    let ends = try Tensor(lengths.map { $0 + 1 }).to(device: device).unsqueeze(1)
    let isBehind = try Tensor.arange(0..<width, device: device).unsqueeze(0).less(ends).logicalNot()
    let mask = try Tensor.zeros([lengths.count, width], dtype: type, device: device).maskedFill(isBehind, -.infinity)
    var runs: [(row: Int, count: Int, length: Int)] = []
    for (row, length) in lengths.enumerated() {
      if let last = runs.last, last.length == length {
        runs[runs.count - 1].count += 1
      } else {
        runs.append((row, 1, length))
      }
    }
    step = Step(rows: lengths.count, width: width, runs: runs, mask: try mask.unsqueeze(1).unsqueeze(1))
  }

  /// See `AttentionPattern`. One token a row. Without gradients.
  func attend(
    layer: Int, packed: Tensor, queries: (rows: Tensor, of: Tensor)?, heads: HeadLayout, scale: Double
  ) throws(TorchError) -> Tensor {
    guard let step, queries == nil, try packed.size(0) == step.rows else {
      throw TorchError(
        kind: .failed, operatorName: "BatchedCache.attend", reason: "every row must attend with one token")
    }
    func part(_ first: Int, _ count: Int) throws(TorchError) -> Tensor {
      try packed.narrow(1, first * heads.size, count * heads.size).view([step.rows, count, heads.size])
    }
    let (newKeys, newValues) = (
      try part(heads.queries, heads.keys), try part(heads.queries + heads.keys, heads.values)
    )
    for run in step.runs {
      try keys[layer].narrow(0, run.row, run.count).select(1, run.length)
        .copyInPlace(newKeys.narrow(0, run.row, run.count))
      try values[layer].narrow(0, run.row, run.count).select(1, run.length)
        .copyInPlace(newValues.narrow(0, run.row, run.count))
    }
    func seen(_ all: Tensor) throws(TorchError) -> Tensor {
      try all.narrow(0, 0, step.rows).narrow(1, 0, step.width).transpose(1, 2)
    }
    return try scaledDotProductAttention(
      query: part(0, heads.queries).unsqueeze(2), key: seen(keys[layer]), value: seen(values[layer]), mask: step.mask,
      scale: scale
    ).reshape([step.rows, -1])
  }

  /// Makes room for conversations of a length. What no conversation has written is 0: behind the mask stands no NaN.
  ///
  /// - Parameter limit: the length that no conversation exceeds, so that more room is not of use
  /// - Throws: `TorchError` when memory runs out.
  func reserve(rows: Int, width: Int, atMost limit: Int) throws(TorchError) {
    guard rows > self.rows || width > self.width else { return }
    let newRows = max(rows, self.rows)
    let grown = min(self.width * 3 / 2, limit)
    let newWidth = width > self.width ? roundedUp(max(width, grown), to: 64) : self.width
    func widened(_ old: Tensor) throws(TorchError) -> Tensor {
      let new = try Tensor.zeros([newRows, newWidth, heads.count, heads.size], dtype: type, device: device)
      if old.count > 0 { try new.narrow(0, 0, self.rows).narrow(1, 0, self.width).copyInPlace(old) }
      return new
    }
    for layer in keys.indices {
      keys[layer] = try widened(keys[layer])
      values[layer] = try widened(values[layer])
    }
    (self.rows, self.width) = (newRows, newWidth)
  }
}

/// The least multiple of a number that is no less than another.
func roundedUp(_ number: Int, to multiple: Int) -> Int { (number + multiple - 1) / multiple * multiple }
