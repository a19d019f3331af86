import Torch

/// A mixture of experts: every token passes through a few of many SwiGLU networks, which its router chooses (Switch
/// Transformer: Fedus et al., 2021, arXiv:2101.03961; the form of Qwen3-MoE and MiniMind-3-MoE).
///
/// Tokens are sorted by expert, so that each expert's part of the computation is three matrix products over adjacent rows.
public final class MixtureOfExperts: Module, FeedForwardNetwork {
  private let router: Router
  private let experts: [FeedForward]

  init(_ configuration: ExpertConfiguration, hidden: Int) throws(TorchError) {
    router = try Router(configuration, hidden: hidden)
    var experts: [FeedForward] = []
    for _ in 0..<configuration.count {
      experts.append(try FeedForward(hidden: hidden, inner: configuration.intermediateSize))
    }
    self.experts = experts
  }

  /// Router, experts.
  public var members: [Member] { [.module("gate", router), .list("experts", experts)] }

  func callAsFunction(_ x: Tensor, rows: Tensor?, counting use: ExpertUse?) throws(TorchError) -> (Tensor, Tensor?) {
    var (x, choice) = (x, try router(x))
    let sums = try use.map { use throws(TorchError) in try use.sums(of: choice) }
    if let rows { (x, choice) = (try x.indexSelect(0, rows), try choice.rows(rows)) }
    return (try mixed(x, choice), sums)
  }

  /// Σ over a token's experts of weight · expert(x).
  private func mixed(_ x: Tensor, _ choice: Router.Choice) throws(TorchError) -> Tensor {
    let (tokens, perToken) = (x.shape[0], choice.experts.shape[1])
    guard tokens > 0 else { return x }
    let order = try TokensByExpert(choice.experts, experts: experts.count)
    let sorted = try x.indexSelect(0, order.tokens)
    var results: [Tensor] = []
    for (expert, rows) in zip(experts, try sorted.split(order.groupSizes)) where rows.shape[0] > 0 {
      results.append(try expert(rows))
    }
    let all = try results.count == 1 ? results[0] : .concatenate(results)
    let ofTokens = try all.indexSelect(0, order.places)
    guard let weights = choice.weights else { return ofTokens }
    return try (ofTokens.reshape([tokens, perToken, -1]) * weights.to(ofTokens.dtype).unsqueeze(2)).sum(1)
  }
}

/// The order of tokens in which those of an expert are adjacent.
///
/// It is made on the host, which has to know the sizes of the groups in any case; on a GPU it waits for the router here.
private struct TokensByExpert {
  /// The token of each row, sorted by expert, then by token, `[rows]`, `int64`
  let tokens: Tensor
  /// The row of each choice of each token, `[tokens · chosen]`, `int64`
  let places: Tensor
  /// Rows of each expert.
  let groupSizes: [Int]

  /// Of so many tokens, as generation in batches has, the rows of an expert are made a multiple of the first number: with fewer,
  /// LibTorch's libraries take other kernels with other rounding, and an answer would depend on those that run beside it.
  private static let (rowMultiple, paddedTokens) = (16, 16...1024)

  init(_ chosen: Tensor, experts: Int) throws(TorchError) {
    let perToken = chosen.shape[1]
    let numbers = try chosen.to(device: .cpu).array(Int.self)
    var sizes = [Int](repeating: 0, count: experts)
    for expert in numbers { sizes[expert] += 1 }
    let multiple = Self.paddedTokens.contains(chosen.shape[0]) ? Self.rowMultiple : 1
    for expert in sizes.indices { sizes[expert] = (sizes[expert] + multiple - 1) / multiple * multiple }
    var next = [Int](repeating: 0, count: experts)
    for expert in 1..<max(1, experts) { next[expert] = next[expert - 1] + sizes[expert - 1] }
    // Rows beyond an expert's tokens repeat the first token; nothing refers to their results.
    var tokens = [Int](repeating: 0, count: sizes.reduce(0, +))
    var places = [Int](repeating: 0, count: numbers.count)
    for (choice, expert) in numbers.enumerated() {
      tokens[next[expert]] = choice / perToken
      places[choice] = next[expert]
      next[expert] += 1
    }
    groupSizes = sizes
    self.tokens = try Tensor(tokens).to(device: chosen.device)
    self.places = try Tensor(places).to(device: chosen.device)
  }
}
