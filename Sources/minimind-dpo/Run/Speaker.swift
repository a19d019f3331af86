import Foundation
import MiniMind
import Observability
import OrderedJSON
import Tokenization

/// A model with its tokenizer and template, ready to answer.
struct Speaker {
  private let model: CausalLM
  private let tokenizer: Tokenizer
  private let template: ChatTemplate?
  private let endTokens: Set<Int32>

  init(_ model: CausalLM, tokenizerFolder: URL) throws {
    self.model = model
    tokenizer = try VocabularyCheck.tokenizer(in: tokenizerFolder, for: model) {
      Console.standardError.print("warning: \($0) Ids without text are not generated.")
    }
    do {
      template = try ChatTemplate(folder: tokenizerFolder)
    } catch ChatTemplateError.missing {
      template = nil
    }
    let endOfTurn = (try? TokenizerConfiguration(folder: tokenizerFolder))?.eosToken.flatMap(tokenizer.id)
    endTokens = Set(model.configuration.endTokenIDs.map(Int32.init)).union([endOfTurn].compactMap(\.self))
  }

  /// The answer to a conversation, handed out piece by piece as it comes.
  func answer(_ messages: [JSON], options: GenerationArguments, onText: (String) -> Void = { _ in }) throws -> String {
    guard let template else {
      throw Failure(.missingInput, "the tokenizer has no chat template; use a plain prompt (--prompt with --plain).")
    }
    let thinking: JSON = .bool(options.think)
    let text = try template.render(
      messages: messages, addGenerationPrompt: true,
      variables: ["enable_thinking": thinking, "open_thinking": thinking])
    return try complete(tokenizer.encode(text), options: options, onText: onText)
  }

  /// The continuation of a plain text, which starts as plain text does in training.
  func complete(_ text: String, options: GenerationArguments, onText: (String) -> Void = { _ in }) throws -> String {
    try complete(tokenizer.encodePrompt(text), options: options, onText: onText)
  }

  private func complete(
    _ prompt: [Int32], options: GenerationArguments, onText: (String) -> Void
  ) throws -> String {
    guard !prompt.isEmpty else { throw Failure(.badData, "the prompt is empty.") }
    if let largest = prompt.max(), Int(largest) >= model.configuration.vocabularySize {
      throw Failure(
        .badData,
        "the tokenizer makes the id \(largest), but the model's vocabulary has \(model.configuration.vocabularySize) "
          + "entries: they do not belong together. Name the model's own tokenizer with --tokenizer.")
    }
    var decoder = tokenizer.streamingDecoder(skipSpecialTokens: true)
    var answer = ""
    func emit(_ piece: String) {
      guard !piece.isEmpty else { return }
      answer += piece
      onText(piece)
    }
    var sampling = options.sampling
    sampling.tokenCount = tokenizer.vocabularySize
    _ = try model.generate(prompt, options: sampling, endTokens: endTokens) { token in
      emit(decoder.append(token))
      return true
    }
    emit(decoder.finish())
    return answer
  }
}
