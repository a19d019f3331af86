import Torch

/// The choice of the next token of many sequences at once.
struct TokenChoice {
  private let options: SamplingOptions
  private let draw: TokenDraw

  init(_ options: SamplingOptions) {
    self.options = options
    draw = TokenDraw(topP: options.topP, topK: options.topK)
  }

  /// Whether the sequences must tell which tokens occurred in them.
  var looksBack: Bool { options.repetitionPenalty != 1 }

  /// A token for each row; each draw takes the next number of its sequence.
  ///
  /// - Parameter logits: `[sequences, vocabulary]`
  /// - Throws: `TorchError` when LibTorch fails; of the kind `notFinite` where the model's numbers overflow.
  func tokens(after sequences: inout [RunningSequence], logits: Tensor) throws(TorchError) -> [Int32] {
    var logits = try logits.to(.float32)
    let vocabulary = try logits.size(1)
    if let tokenCount = options.tokenCount, tokenCount < vocabulary { logits = try logits.narrow(1, 0, tokenCount) }
    guard try logits.sum().item().isFinite else { throw TorchError.nextTokenNotFinite }
    if looksBack { logits = try penalized(logits, after: sequences) }
    guard options.temperature > 0 else { return try logits.argmax(1).array(Int.self).map(Int32.init) }
    let width = try logits.size(1)
    let probabilities = try (logits / options.temperature).softmax(1).to(device: .cpu).contiguous()
    return try probabilities.withUnsafeBytes { bytes in
      let all = bytes.bindMemory(to: Float.self)
      return sequences.indices.map { row in
        Int32(draw.token(from: all[row * width..<(row + 1) * width], at: sequences[row].numbers.next()))
      }
    }
  }

  /// Divides positive logits of tokens that occurred, and multiplies negative ones.
  private func penalized(_ logits: Tensor, after sequences: [RunningSequence]) throws(TorchError) -> Tensor {
    let width = try logits.size(1)
    let places = sequences.enumerated().flatMap { row, sequence in
      sequence.seen.compactMap { Int($0) < width ? row * width + Int($0) : nil }
    }
    guard !places.isEmpty else { return logits }
    let index = try Tensor(places).to(device: logits.device)
    let flat = try logits.reshape([-1])
    let scores = try flat.indexSelect(0, index)
    let changed = try scores.less(0).choose(
      scores * options.repetitionPenalty, scores / options.repetitionPenalty)
    return try flat.indexAdd(0, index, changed - scores).reshape([sequences.count, width])
  }
}
