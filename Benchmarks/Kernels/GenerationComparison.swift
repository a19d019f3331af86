import Foundation
import MiniMind
import Torch

/// Answers one by one, and in a batch.
struct GenerationComparison {
  private static let (answers, answersAlone, promptTokens, newTokens) = (64, 8, 40, 24)
  private let model: CausalLM
  private let prompts: [[Int32]]

  /// - Parameter folder: a model; nil for random weights in MiniMind-3's shape
  init(_ folder: String?) throws {
    if let folder {
      model = try CausalLM.pretrained(URL(fileURLWithPath: folder))
    } else {
      model = try CausalLM(ModelComparison.shape())
      try model.initializeRandomly(seed: 1)
    }
    let vocabulary = model.configuration.vocabularySize
    prompts = (0..<Self.answers).map { prompt in
      (0..<Self.promptTokens).map { Int32(($0 * 7919 + prompt * 104_729) % vocabulary) }
    }
  }

  /// Prints a row with tokens per second, of processor time, and their ratio within each round.
  func printRow(_ name: String, sampling: Bool, rounds: Int) throws {
    var options = SamplingOptions()
    options.maxNewTokens = Self.newTokens
    if sampling { (options.temperature, options.topP) = (0.8, 0.95) }
    let alone = { for prompt in prompts.prefix(Self.answersAlone) { _ = try model.generate(prompt, options: options) } }
    let together = { _ = try model.generate(prompts: prompts, options: options) }
    try together()
    // Seconds for a token.
    let times = try (0..<rounds).map { _ in
      (
        try Comparison.seconds(alone) / Double(Self.answersAlone * Self.newTokens),
        try Comparison.seconds(together) / Double(Self.answers * Self.newTokens)
      )
    }
    func rate(_ seconds: [Double]) -> String { String(format: "%.0f", 1 / Timing(seconds).median) }
    let ratios = times.map { $0.0 / $0.1 }.sorted().map { String(format: "%.1f", $0) }
    print("| \(name) | \(rate(times.map(\.0))) | \(rate(times.map(\.1))) | \(ratios.joined(separator: ", ")) |")
    fflush(nil)
  }
}
