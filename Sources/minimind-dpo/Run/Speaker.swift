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
    try complete(prompt(of: messages, think: options.think), options: options, onText: onText)
  }

  /// The tokens of a conversation up to where the model's answer begins.
  func prompt(
    of messages: [JSON], tools: [JSON]? = nil, variables: JSON.Object = [:], think: Bool
  ) throws -> [Int32] {
    guard let template else {
      throw Failure(.missingInput, "the tokenizer has no chat template; use a plain prompt (--prompt with --plain).")
    }
    var all: JSON.Object = ["enable_thinking": .bool(think), "open_thinking": .bool(think)]
    for (name, value) in variables { all[name] = value }
    return try checked(
      tokenizer.encode(
        template.render(messages: messages, tools: tools, addGenerationPrompt: true, variables: all)))
  }

  /// The answers to many prompts, several at once; see `CausalLM.generate(prompts:)`.
  func answers(
    to prompts: [[Int32]], samples: Int = 1, sampling: SamplingOptions, numbers: [Int]? = nil, rows: Int,
    onStep: (Int) -> Bool = { _ in true }, onAnswer: (GeneratedAnswer) -> Void
  ) throws {
    var sampling = sampling
    sampling.tokenCount = tokenizer.vocabularySize
    _ = try model.generate(
      prompts: prompts, samples: samples, options: sampling, endTokens: endTokens, numbers: numbers, rows: rows,
      onStep: onStep, onAnswer: onAnswer)
  }

  /// The text of an answer.
  func text(of tokens: [Int32]) -> String { tokenizer.decode(tokens, skipSpecialTokens: true) }

  /// The assistant's message that an answer is: what stands before `</think>` is its `reasoning_content`, from which
  /// chat templates write it again as it was.
  ///
  /// - Parameter prompt: where it ends within a thought, the answer begins there
  func parts(of tokens: [Int32], after prompt: [Int32]) -> (content: String, reasoning: String?) {
    guard let open = tokenizer.id(of: "<think>"), let close = tokenizer.id(of: "</think>") else {
      return (text(of: tokens), nil)
    }
    let startsInThought = (prompt.lastIndex(of: open) ?? -1) > (prompt.lastIndex(of: close) ?? -1)
    guard let start = tokens.firstIndex(of: open).map({ $0 + 1 }) ?? (startsInThought ? 0 : nil) else {
      return (text(of: tokens), nil)
    }
    let end = tokens[start...].firstIndex(of: close) ?? tokens.endIndex
    let reasoning = text(of: Array(tokens[start..<end])).trimmingCharacters(in: .newlines)
    let content = text(of: Array(tokens[end...].dropFirst()))
    return (String(content.drop { $0.isNewline }), reasoning.isEmpty ? nil : reasoning)
  }

  /// The continuation of a plain text, which starts as plain text does in training.
  func complete(_ text: String, options: GenerationArguments, onText: (String) -> Void = { _ in }) throws -> String {
    try complete(checked(tokenizer.encodePrompt(text)), options: options, onText: onText)
  }

  /// A prompt that the model can run.
  private func checked(_ prompt: [Int32]) throws -> [Int32] {
    try tokenizer.requireSound()
    guard !prompt.isEmpty else { throw Failure(.badData, "the prompt is empty.") }
    if let largest = prompt.max(), Int(largest) >= model.configuration.vocabularySize {
      throw Failure(
        .badData,
        "the tokenizer makes the id \(largest), but the model's vocabulary has \(model.configuration.vocabularySize) "
          + "entries: they do not belong together. Name the model's own tokenizer with --tokenizer.")
    }
    return prompt
  }

  private func complete(
    _ prompt: [Int32], options: GenerationArguments, onText: (String) -> Void
  ) throws -> String {
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
