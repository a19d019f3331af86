import Foundation
import MiniMind
import Observability
import OrderedJSON
import Serving
import Tokenization

/// A model with its tokenizer and template, ready to answer.
struct Speaker {
  private let model: CausalLM
  /// How it is talked to.
  let format: ChatFormat

  init(_ model: CausalLM, tokenizerFolder: URL) throws {
    self.model = model
    let tokenizer = try VocabularyCheck.tokenizer(in: tokenizerFolder, for: model) {
      Console.standardError.print("warning: \($0) Ids without text are not generated.")
    }
    format = try ChatFormat(folder: tokenizerFolder, tokenizer: tokenizer, model: model.configuration)
  }

  /// The answer to a conversation, handed out piece by piece as it comes.
  func answer(_ messages: [JSON], options: GenerationArguments, onText: (String) -> Void = { _ in }) throws -> String {
    try complete(prompt(of: messages, think: options.think), options: options, onText: onText)
  }

  /// The tokens of a conversation up to where the model's answer begins.
  func prompt(
    of messages: [JSON], tools: [JSON]? = nil, variables: JSON.Object = [:], think: Bool
  ) throws -> [Int32] {
    try format.prompt(of: messages, tools: tools, variables: variables, think: think).tokens
  }

  /// The answers to many prompts, several at once; see `CausalLM.generate(prompts:)`.
  func answers(
    to prompts: [[Int32]], samples: Int = 1, sampling: SamplingOptions, numbers: [Int]? = nil, rows: Int,
    onStep: (Int) -> Bool = { _ in true }, onAnswer: (GeneratedAnswer) -> Void
  ) throws {
    _ = try model.generate(
      prompts: prompts, samples: samples, options: limited(sampling), endTokens: format.endTokens, numbers: numbers,
      rows: rows, onStep: onStep, onAnswer: onAnswer)
  }

  /// The text of an answer.
  func text(of tokens: [Int32]) -> String { format.tokenizer.decode(tokens, skipSpecialTokens: true) }

  /// The assistant's message that an answer is: what stands before `</think>` is its `reasoning_content`, from which
  /// chat templates write it again as it was.
  ///
  /// - Parameter prompt: where it ends within a thought, the answer begins there
  func parts(of tokens: [Int32], after prompt: [Int32]) -> (content: String, reasoning: String?) {
    let tokenizer = format.tokenizer
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
    try complete(format.prompt(continuing: text).tokens, options: options, onText: onText)
  }

  private func complete(
    _ prompt: [Int32], options: GenerationArguments, onText: (String) -> Void
  ) throws -> String {
    var decoder = format.tokenizer.streamingDecoder(skipSpecialTokens: true)
    var answer = ""
    func emit(_ piece: String) {
      guard !piece.isEmpty else { return }
      answer += piece
      onText(piece)
    }
    _ = try model.generate(prompt, options: limited(options.sampling), endTokens: format.endTokens) { token in
      emit(decoder.append(token))
      return true
    }
    emit(decoder.finish())
    return answer
  }

  /// The parts of an answer to a conversation, as they come.
  ///
  /// - Parameter onPart: returns false to end the answer
  /// - Returns: whether the answer is as long as it may be
  func converse(
    _ prompt: ChatFormat.Prompt, sampling: SamplingOptions, onPart: (AnswerPart) -> Bool
  ) throws -> Bool {
    var text = AnswerText(format, reader: AnswerReader(startsInThought: prompt.startsInThought))
    let tokens = try model.generate(prompt.tokens, options: limited(sampling), endTokens: format.endTokens) { token in
      text.append(token).parts.allSatisfy(onPart)
    }
    _ = text.finish().allSatisfy(onPart)
    return tokens.count >= sampling.maxNewTokens
  }

  private func limited(_ sampling: SamplingOptions) -> SamplingOptions {
    var sampling = sampling
    sampling.tokenCount = format.tokenizer.vocabularySize
    return sampling
  }
}
