import Foundation
import Torch

/// The gain of each fused operator, and how close a whole pass comes to the time of its matmuls; see ../README.md.
///
///     swift run -c release kernel-bench [tokens] [rounds]
///     swift run -c release kernel-bench generation [rounds]
@main
enum KernelBench {
  static func main() throws {
    let numbers = CommandLine.arguments.dropFirst().compactMap { Int($0) }
    if CommandLine.arguments.dropFirst().first == "generation" { return try generation(rounds: numbers.first ?? 3) }
    let tokens = numbers.first ?? 1920
    let rounds = numbers.dropFirst().first ?? 7
    let pairs = max(1, tokens / 640)
    print(
      "\(Runtime.threadCount) threads, \(try Runtime.cpuCapability()), medians of \(rounds) rounds, processor milliseconds\n"
    )
    print(
      "| forward and backward | shape | before | after | ratio | spread |\n| --- | --- | ---: | ---: | ---: | ---: |")

    let (ownPages, keptPages) = try pages(tokens: tokens, rounds: rounds)
    row("one matmul, pages returned and kept", "[\(tokens), 768] by [4864, 768]", ownPages, keptPages)
    for comparison in try Comparisons(tokens: tokens).all() {
      let (before, after) = try comparison.measure(rounds: rounds)
      row(comparison.name, comparison.shape, before, after)
    }
    let model = try ModelComparison(pairs: pairs)
    let products = try Comparison(name: "", shape: "", before: model.products(), after: model.pass)
      .measure(rounds: rounds)
    row("the matmuls of a model, the model", "\(pairs) pairs", products.before, products.after)
    let again = try Comparison(name: "", shape: "", before: model.passRecomputing, after: model.pass)
      .measure(rounds: rounds)
    row("the model, with and without gradient checkpointing", "\(pairs) pairs", again.before, again.after)
  }

  private static func generation(rounds: Int) throws {
    print("\(Runtime.threadCount) threads, \(rounds) rounds, tokens per second of processor time\n")
    print("| 64 answers | one by one | together | ratios of the rounds |\n| --- | ---: | ---: | ---: |")
    for (name, folder) in [("the demo's model, 1 M", "Demo"), ("MiniMind-3's shape, 64 M", nil)] {
      let comparison = try GenerationComparison(folder)
      try comparison.printRow(name + ", greedy", sampling: false, rounds: rounds)
      try comparison.printRow(name + ", drawn with top-p 0.95", sampling: true, rounds: rounds)
    }
  }

  /// These cannot alternate: once installed, the heap stays.
  private static func pages(tokens: Int, rounds: Int) throws -> (own: Timing, kept: Timing) {
    let (input, weight) = (try Tensor.ones([tokens, 768]), try Tensor.ones([4864, 768]))
    func measure() throws -> Timing {
      try Timing(
        (0..<rounds).map { _ in
          try Comparison.seconds({ try withoutGrad { _ = try linear(input, weight: weight) } }, 3)
        })
    }
    let own = try measure()
    keepTensorPages()
    _ = try measure()
    return (own, try measure())
  }

  private static func row(_ name: String, _ shape: String, _ before: Timing, _ after: Timing) {
    func milliseconds(_ timing: Timing) -> String { String(format: "%.2f", timing.median * 1000) }
    let ratio = String(format: "%.2f", before.median / after.median)
    let spread = String(format: "%.0f %%", 100 * max(before.spread, after.spread))
    print("| \(name) | \(shape) | \(milliseconds(before)) | \(milliseconds(after)) | \(ratio) | \(spread) |")
  }
}
