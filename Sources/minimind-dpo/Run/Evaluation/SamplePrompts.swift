import Foundation
import MiniMind
import OrderedJSON
import Tokenization
import Training

/// Prompts that a model answers at each evaluation, as tokens.
struct SamplePrompts {
  /// The conversations, as they stood in the file.
  let requests: [PromptFile.Request]
  /// Their tokens.
  let tokens: [[Int32]]
  /// Tokens that end an answer.
  let endTokens: Set<Int32>
  /// Greedy, and of limited length.
  let options: SamplingOptions
  private let tokenizer: Tokenizer

  /// - Parameters:
  ///   - maxNewTokens: the longest answer
  ///   - now: what templates that print the date are told
  init(
    contentsOf path: String, tokenizer: Tokenizer, folder: URL, model: ModelConfiguration, maxNewTokens: Int, now: Date
  ) throws {
    let file: PromptFile
    do {
      file = try PromptFile(contentsOf: path)
    } catch let failure as Failure where failure.code == .missingInput {
      throw Failure(.missingInput, "--sample-prompts \(path): no such file.")
    }
    let template: ChatTemplate
    do {
      template = try ChatTemplate(folder: folder)
    } catch ChatTemplateError.missing {
      throw Failure(
        .missingInput, "--sample-prompts needs a chat template, and the tokenizer in \(folder.path) has none.")
    }
    self.tokenizer = tokenizer
    requests = file.requests
    tokens = try requests.map { request in
      let text = try template.render(
        messages: request.messages, addGenerationPrompt: true,
        variables: ["enable_thinking": false, "open_thinking": false], now: now)
      return tokenizer.encode(text)
    }
    try tokenizer.requireSound()
    if let largest = tokens.flatMap(\.self).max(), Int(largest) >= model.vocabularySize {
      throw TrainingError.vocabularyTooSmall(largestID: Int(largest), vocabulary: model.vocabularySize)
    }
    guard !tokens.contains(where: \.isEmpty) else { throw Failure(.badData, "\(path): a prompt is empty.") }
    let endOfTurn = (try? TokenizerConfiguration(folder: folder))?.eosToken.flatMap(tokenizer.id)
    endTokens = Set(model.endTokenIDs.map(Int32.init)).union([endOfTurn].compactMap(\.self))
    var options = SamplingOptions()
    (options.maxNewTokens, options.tokenCount) = (maxNewTokens, tokenizer.vocabularySize)
    self.options = options
  }

  /// An answer as text.
  func text(of answer: SampledAnswer) -> String { tokenizer.decode(answer.tokens, skipSpecialTokens: true) }
}
