import Foundation
import MiniMind
import OrderedJSON
import ProgramSupport
import Serving
import Tokenization
import Torch

/// A small model with random weights for the demo's tokenizer.
func tinyModel(seed: UInt64 = 1) throws -> CausalLM {
  let model = try CausalLM(ModelConfiguration(TinyModel.configuration()))
  try model.initializeRandomly(seed: seed)
  // Weights so small would answer every prompt alike.
  try withoutGrad { try model.weights.storage.multiplyInPlace(6) }
  return model
}

func demoFormat() throws -> ChatFormat {
  let folder = URL(fileURLWithPath: Checkout.demo, isDirectory: true)
  return try ChatFormat(
    folder: folder, tokenizer: Tokenizer(folder: folder), model: ModelConfiguration(TinyModel.configuration()))
}

/// An engine with tiny models of these names, each with other weights.
func tinyEngine(
  _ names: [String] = ["tiny"], context: Int = 512, limits: EngineLimits = EngineLimits()
) throws -> Engine {
  try Engine(limits: limits) {
    try names.enumerated().map { number, name in
      LoadedModel(
        ServedModel(name: name, format: try demoFormat(), contextLength: context),
        model: try tinyModel(seed: UInt64(number + 1)))
    }
  }
}

extension Engine {
  /// A request of a question with options.
  func request(
    _ question: String, model: String = "tiny", seed: UInt64 = 1, tokens: Int = 24, temperature: Double = 1
  ) throws -> GenerationRequest {
    let prompt = try self.model(model).format.prompt(of: [["role": "user", "content": .string(question)]])
    var options = SamplingOptions()
    (options.seed, options.maxNewTokens, options.temperature) = (seed, tokens, temperature)
    return GenerationRequest(model: model, prompt: prompt, options: options)
  }

  /// The text of each answer to a request, and why it ended.
  func collect(_ request: GenerationRequest) async throws -> [Answer] {
    var answers = [Answer](repeating: Answer(), count: request.choices)
    for await event in try self.answers(to: request) {
      switch event.kind {
      case .part(.content(let text)), .part(.reasoning(let text)): answers[event.choice].text += text
      case .part(.toolCall): break
      case .end(let finish, let tokens):
        (answers[event.choice].finish, answers[event.choice].tokens) = (finish, tokens)
      case .failed(let reason): answers[event.choice].failure = reason
      }
    }
    return answers
  }
}

struct Answer: Hashable, Sendable {
  var text = ""
  var finish: FinishReason?
  var tokens = 0
  var failure: String?
}
