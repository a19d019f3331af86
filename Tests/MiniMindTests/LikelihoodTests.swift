import MiniMind
import ModelFixtures
import Testing
import Torch

@Suite("The likelihood of answers")
struct LikelihoodTests {
  @Test("It is the mean over the answer's tokens of the log-probabilities of the whole sequence", arguments: [1, 7])
  func means(promptLength: Int) throws {
    let model = try Golden("qwen3").model()
    let tokens = HashedWeights.tokens(60, vocabulary: model.configuration.vocabularySize, seed: 3).map(Int32.init)
    let prompt = Array(tokens.prefix(promptLength))
    let answers = [Array(tokens[10..<11]), Array(tokens[20..<33]), [], Array(tokens[33..<58])]
    let found = try model.meanLogProbabilities(of: answers, after: prompt)
    #expect(found.count == 4 && found[2] == 0)
    for (answer, value) in zip(answers, found) where !answer.isEmpty {
      let all = try withoutGrad { try model.nextTokenLogProbabilities(of: [(prompt + answer).map(Int.init)]) }
      let own = try all.array(Float.self).suffix(answer.count).map { Double($0) }
      #expect(abs(value - own.reduce(0, +) / Double(answer.count)) < 1e-5)
    }
  }

  @Test("Nothing but empty answers takes no pass; an id outside the vocabulary is an error")
  func edges() throws {
    let model = try smallModel()
    #expect(try model.meanLogProbabilities(of: [[], []], after: [1]) == [0, 0])
    #expect(try model.meanLogProbabilities(of: [], after: [1]).isEmpty)
    #expect(throws: TorchError.self) { try model.meanLogProbabilities(of: [[64]], after: [1]) }
  }
}
