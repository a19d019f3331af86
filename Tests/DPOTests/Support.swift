import DPO
import MiniMind
import Preferences
import Testing
import Torch

/// A small model of Qwen3's or Llama's shape, its weights large enough for mistakes to show.
func randomModel(_ type: String = "qwen3", seed: UInt64 = 1) throws -> CausalLM {
  let model = try CausalLM(
    ModelConfiguration([
      "model_type": .string(type), "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48,
      "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
      "rope_theta": 1e4, "tie_word_embeddings": true,
    ]))
  let generator = try Generator(seed: seed)
  for (_, parameter) in model.namedParameters {
    if parameter.shape.count == 1 {
      try parameter.value.fillUniform(low: 0.5, high: 1.5, from: generator)
    } else {
      try parameter.value.fillNormal(deviation: 0.3, from: generator)
    }
  }
  return model
}

/// A pair of any form: empty tails, no prefix or a long one, targets anywhere but on the first token.
func randomPair(_ index: Int, from random: inout SeededGenerator) -> TokenizedPair {
  func ids(_ count: Int) -> [Int32] { (0..<count).map { _ in Int32(random.below(64)) } }
  func targets(_ count: Int, density: Int) -> [Bool] { (0..<count).map { _ in random.below(4) < density } }
  let prefix = random.below(12)
  let shared = (ids: ids(prefix), targets: targets(prefix, density: random.below(2)))
  var sides = (0..<2).map { _ in
    let count = random.below(10) + (prefix < 2 ? 2 : 0)
    return (ids: shared.ids + ids(count), targets: shared.targets + targets(count, density: 1 + random.below(4)))
  }
  for side in sides.indices {
    sides[side].targets[0] = false
    sides[side].targets[sides[side].targets.count - 1] = true
  }
  return TokenizedPair(
    index: index, chosenIDs: sides[0].ids, rejectedIDs: sides[1].ids, chosenTargets: sides[0].targets,
    rejectedTargets: sides[1].targets, sharedPrefix: prefix)
}

func randomPairs(_ count: Int, seed: UInt64) -> [TokenizedPair] {
  var random = SeededGenerator(seed: seed)
  return (0..<count).map { randomPair($0, from: &random) }
}

/// Pairs of a few prompts, each of two of the prompt's answers: the same answer is in several pairs, chosen in one and
/// rejected in another.
func pairsOfPrompts(_ count: Int, seed: UInt64) -> [TokenizedPair] {
  var random = SeededGenerator(seed: seed, stream: 1)
  func ids(_ count: Int) -> [Int32] { (0..<count).map { _ in Int32(random.below(64)) } }
  func targets(_ count: Int) -> [Bool] { (0..<count).map { $0 == count - 1 || $0 > 0 && random.below(3) > 0 } }
  let prompts = (0..<1 + count / 3).map { _ in ids(2 + random.below(12)) }
  let answers = prompts.map { prompt in (0..<4).map { $0 == 3 ? prompt : prompt + ids(1 + random.below(9)) } }
  return (0..<count).map { index in
    let prompt = random.below(prompts.count)
    let first = random.below(4)
    let (chosen, rejected) = (answers[prompt][first], answers[prompt][(first + 1 + random.below(3)) % 4])
    return TokenizedPair(
      index: index, chosenIDs: chosen, rejectedIDs: rejected, chosenTargets: targets(chosen.count),
      rejectedTargets: targets(rejected.count), sharedPrefix: zip(chosen, rejected).prefix { $0 == $1 }.count,
      promptKey: UInt64(1 + prompt))
  }
}

extension CausalLM {
  /// log π of a side by the book: the side alone, every logit, log-softmax.
  func sequenceLogProbability(_ ids: [Int32], _ targets: [Bool]) throws -> Tensor {
    let tokens = ids.map(Int.init)
    let table = try logits(
      Tensor(tokens), positions: .arange(0..<tokens.count), pattern: PackedTrees([Tree(prefix: tokens.count)])
    ).logSoftmax(1)
    var sum = try Tensor.zeros([], dtype: .float64)
    for place in targets.indices where targets[place] {
      sum = try sum.add(table.select(0, place - 1).select(0, tokens[place]))
    }
    return sum
  }

  /// log π of every side of pairs, chosen sides first, by the book.
  func sequenceLogProbabilities(of pairs: [TokenizedPair]) throws -> Tensor {
    try Tensor.stack(
      pairs.map { try sequenceLogProbability($0.chosenIDs, $0.chosenTargets) }
        + pairs.map { try sequenceLogProbability($0.rejectedIDs, $0.rejectedTargets) })
  }

  /// The gradient of a scalar with respect to all parameters, one after the other.
  func gradient(of loss: () throws -> Tensor) throws -> Tensor {
    for (_, parameter) in namedParameters {
      try parameter.value.setRequiresGrad(true)
      try parameter.value.setGradient(nil)
    }
    try loss().backward()
    let gradients = try namedParameters.map { name, parameter in
      try #require(try parameter.value.gradient(), "\(name) has no gradient").clone().reshape([-1])
    }
    return try Tensor.concatenate(gradients)
  }
}

/// |first − second| / |second|, in Euclidean norms.
func relativeDifference(_ first: Tensor, _ second: Tensor) throws -> Double {
  try withoutGrad {
    let (first, second) = (try first.detached().to(.float64), try second.detached().to(.float64))
    return try first.subtract(second).norm().item() / second.norm().item()
  }
}
