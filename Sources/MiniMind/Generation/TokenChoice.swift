import Torch

/// The choice of the next token of many sequences at once, each with options of its own.
struct TokenChoice {
  /// Only ids below it are chosen; nil for all.
  let tokenCount: Int?

  /// A token for each row; each draw takes the next number of its sequence. Nil for a row whose scores are not finite.
  ///
  /// - Parameter logits: `[sequences, vocabulary]`
  /// - Throws: `TorchError` when LibTorch fails.
  func tokens(after sequences: inout [RunningSequence], logits: Tensor) throws(TorchError) -> [Int32?] {
    var logits = try logits.to(.float32)
    let vocabulary = try logits.size(1)
    if let tokenCount, tokenCount < vocabulary { logits = try logits.narrow(1, 0, tokenCount) }
    let areFinite = try logits.sum(1).array(Float.self).map(\.isFinite)
    if sequences.contains(where: \.options.looksBack) { logits = try penalized(logits, after: sequences) }
    var tokens = [Int32?](repeating: nil, count: sequences.count)
    let isGreedy = sequences.map { $0.options.temperature <= 0 }
    if isGreedy.contains(true) {
      let best = try logits.argmax(1).array(Int.self)
      for row in tokens.indices where isGreedy[row] && areFinite[row] { tokens[row] = Int32(best[row]) }
    }
    guard isGreedy.contains(false) else { return tokens }
    let width = try logits.size(1)
    let temperatures = try Tensor(sequences.map { Float($0.options.temperature > 0 ? $0.options.temperature : 1) })
      .to(device: logits.device).unsqueeze(1)
    let probabilities = try logits.divide(temperatures).softmax(1).to(device: .cpu).contiguous()
    return try probabilities.withUnsafeBytes { bytes in
      let all = bytes.bindMemory(to: Float.self)
      for row in tokens.indices where !isGreedy[row] && areFinite[row] {
        let options = sequences[row].options
        let draw = TokenDraw(topP: options.topP, topK: options.topK)
        tokens[row] = Int32(draw.token(from: all[row * width..<(row + 1) * width], at: sequences[row].numbers.next()))
      }
      return tokens
    }
  }

  /// Divides positive logits of tokens that occurred, and multiplies negative ones.
  private func penalized(_ logits: Tensor, after sequences: [RunningSequence]) throws(TorchError) -> Tensor {
    let width = try logits.size(1)
    var (places, penalties) = ([Int](), [Float]())
    for (row, sequence) in sequences.enumerated() where sequence.options.looksBack {
      for token in sequence.seen where Int(token) < width {
        places.append(row * width + Int(token))
        penalties.append(Float(sequence.options.repetitionPenalty))
      }
    }
    guard !places.isEmpty else { return logits }
    let index = try Tensor(places).to(device: logits.device)
    let penalty = try Tensor(penalties).to(device: logits.device)
    let flat = try logits.reshape([-1])
    let scores = try flat.indexSelect(0, index)
    let changed = try scores.less(0).choose(scores.multiply(penalty), scores.divide(penalty))
    return try flat.indexAdd(0, index, changed - scores).reshape([sequences.count, width])
  }
}
