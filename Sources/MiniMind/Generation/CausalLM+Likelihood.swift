import Torch

extension CausalLM {
  /// The mean log-probability per token of answers to a prompt. What it is does not depend on which prompts come before or
  /// after.
  ///
  /// - Parameters:
  ///   - answers: with their end tokens where they have ended; the mean over no token is 0
  ///   - prompt: at least one token
  /// - Throws: `TorchError` when LibTorch fails, for instance for an id outside the vocabulary.
  public func meanLogProbabilities(of answers: [[Int32]], after prompt: [Int32]) throws(TorchError) -> [Double] {
    var tokens: [Int] = []
    var positions: [Int] = []
    var rows: [Int] = []
    var targets: [Int] = []
    var trees: [Tree] = []
    for answer in answers where !answer.isEmpty {
      // The last token predicts nothing that is asked for.
      let sequence = (prompt + answer.dropLast()).map(Int.init)
      rows += (0..<answer.count).map { tokens.count + prompt.count - 1 + $0 }
      targets += answer.map(Int.init)
      tokens += sequence
      positions += sequence.indices
      trees.append(Tree(prefix: sequence.count))
    }
    guard !tokens.isEmpty else { return answers.map { _ in 0 } }
    let values = try withoutGrad { () throws(TorchError) in
      func onDevice(_ numbers: [Int]) throws(TorchError) -> Tensor { try Tensor(numbers).to(device: device) }
      let hidden = try hiddenStates(
        onDevice(tokens), positions: onDevice(positions), pattern: PackedTrees(trees), rows: onDevice(rows))
      return try logProbabilities(hidden, of: onDevice(targets)).to(device: .cpu).to(.float64).array(Double.self)
    }
    var rest = values[...]
    return answers.map { answer in
      defer { rest = rest.dropFirst(answer.count) }
      return answer.isEmpty ? 0 : rest.prefix(answer.count).reduce(0, +) / Double(answer.count)
    }
  }
}
