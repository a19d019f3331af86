import Foundation
import MiniMind
import Testing
import Torch

@Suite("Generation")
struct GenerationTests {
  @Test(
    "Greedy answers are those of `transformers`, token by token",
    arguments: ["qwen3", "qwen2", "llama", "qwen3_moe", "minimind_moe"])
  func greedy(folder: String) throws {
    let golden = try Golden(folder)
    let model = try golden.model()
    var options = SamplingOptions()
    options.maxNewTokens = 24
    for (prompt, expected) in zip(try golden.ids(), try golden.ids("generated_ids")) {
      var heard: [Int32] = []
      let answer = try model.generate(prompt.prefix(12).map(Int32.init), options: options) {
        heard.append($0)
        return true
      }
      #expect(answer.map(Int.init) == expected)
      #expect(heard == answer)
    }
  }

  @Test(
    "The three largest logits of each step are those of `transformers`",
    arguments: ["qwen3", "qwen2", "llama", "qwen3_moe", "minimind_moe"])
  func scores(folder: String) throws {
    let golden = try Golden(folder)
    let model = try golden.model()
    let (ids, scores) = (try golden.tensor("generated_top_ids"), try golden.tensor("generated_top_logits"))
    let answers = try golden.ids("generated_ids")
    try withoutGrad {
      for (row, prompt) in try golden.ids().enumerated() {
        let cache = try KeyValueCache(for: model.configuration, capacity: 36)
        var pending = Array(prompt.prefix(12))
        for step in 0..<24 {
          let best = try model.nextTokenLogits(Tensor(pending), cache: cache).top(3)
          #expect(try best.indices.array(Int.self) == ids.select(0, row).select(0, step).array(Int.self))
          #expect(try largestDifference(best.values, scores.select(0, row).select(0, step)) < 1e-4)
          pending = [answers[row][step]]
        }
      }
    }
  }

  @Test(
    "The cache gives the result of a full pass, in pieces of any length",
    arguments: ["qwen3", "qwen2", "llama", "qwen3_yarn", "qwen3_moe"])
  func cache(folder: String) throws {
    let golden = try Golden(folder)
    let model = try golden.model()
    let row = try golden.ids()[0]
    try withoutGrad {
      let whole = try model.logits(of: [row])
      for pieces in [[40], [1, 39], [12, 1, 1, 26], [5, 7, 28], Array(repeating: 1, count: 40)] {
        let cache = try KeyValueCache(for: model.configuration, capacity: 40)
        for piece in pieces {
          let new = Array(row[cache.count..<cache.count + piece])
          let logits = try model.nextTokenLogits(Tensor(new), cache: cache)
          #expect(try largestDifference(logits, whole.select(0, cache.count - 1)) < 2e-5)
        }
        #expect(cache.count == 40)
      }
    }
  }

  @Test("A full cache is an error that says so; the cache stays usable for what fits")
  func fullCache() throws {
    let model = try smallModel()
    let cache = try KeyValueCache(for: model.configuration, capacity: 4)
    try withoutGrad {
      _ = try model.nextTokenLogits(Tensor([1, 2, 3]), cache: cache)
      let error = #expect(throws: TorchError.self) { try model.nextTokenLogits(Tensor([4, 5]), cache: cache) }
      #expect(error?.description == "KeyValueCache.attend: 5 tokens exceed the capacity of 4")
      #expect(cache.count == 3)
      let logits = try model.nextTokenLogits(Tensor([4]), cache: cache)
      #expect(try largestDifference(logits, model.logits(of: [[1, 2, 3, 4]]).select(0, 3)) < 2e-5)
    }
  }

  @Test("An end token ends the answer and is not part of it; a listener and the limit end it too")
  func ends() throws {
    let golden = try Golden("qwen3")
    let model = try golden.model()
    let prompt = try golden.ids()[0].prefix(12).map(Int32.init)
    let whole = try model.generate(prompt, options: SamplingOptions.greedy(24))
    let end = try #require(whole.dropFirst(4).first)
    let before = Array(whole[..<(try #require(whole.firstIndex(of: end)))])
    #expect(try model.generate(prompt, options: SamplingOptions.greedy(24), endTokens: [end]) == before)
    #expect(try model.generate(prompt, options: SamplingOptions.greedy(24)) { _ in false } == Array(whole.prefix(1)))
    #expect(try model.generate(prompt, options: SamplingOptions.greedy(3)) == Array(whole.prefix(3)))
    #expect(try model.generate(prompt, options: SamplingOptions.greedy(0)).isEmpty)
  }

  @Test("An empty prompt is an error")
  func emptyPrompt() throws {
    let model = try smallModel()
    #expect(throws: TorchError.self) { try model.generate([]) }
  }
}

extension SamplingOptions {
  static func greedy(_ count: Int) -> SamplingOptions {
    var options = SamplingOptions()
    options.maxNewTokens = count
    return options
  }
}
