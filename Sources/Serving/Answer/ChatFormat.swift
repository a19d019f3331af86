import Foundation
import Jinja
import MiniMind
import OrderedJSON
import Tokenization

/// How a model is talked to: its tokenizer, its chat template, and what ends its answers. It may be used on any thread.
public struct ChatFormat: Sendable {
  /// The tokenizer.
  public let tokenizer: Tokenizer
  /// Tokens that end an answer.
  public let endTokens: Set<Int32>
  /// The rows of the model's embedding table.
  public let vocabularySize: Int
  private let template: ChatTemplate?
  /// The marks of thoughts and tool calls that are special tokens, which decoding leaves out, by their ids.
  let markers: [Int32: String]

  /// - Parameters:
  ///   - folder: where the chat template and `tokenizer_config.json` are
  ///   - tokenizer: that of the folder
  ///   - model: the shape of the model
  /// - Throws: what reading the template throws; a folder without one is no error.
  public init(folder: URL, tokenizer: Tokenizer, model: ModelConfiguration) throws {
    let template: ChatTemplate?
    do {
      template = try ChatTemplate(folder: folder)
    } catch ChatTemplateError.missing {
      template = nil
    }
    let endOfTurn = (try? TokenizerConfiguration(folder: folder))?.eosToken.flatMap(tokenizer.id)
    self.init(
      tokenizer: tokenizer, template: template,
      endTokens: Set(model.endTokenIDs.map(Int32.init)).union([endOfTurn].compactMap(\.self)),
      vocabularySize: model.vocabularySize)
  }

  /// Takes parts that are already read.
  public init(tokenizer: Tokenizer, template: ChatTemplate?, endTokens: Set<Int32>, vocabularySize: Int) {
    (self.tokenizer, self.template, self.endTokens) = (tokenizer, template, endTokens)
    self.vocabularySize = vocabularySize
    markers = AnswerReader.markers.reduce(into: [:]) { found, marker in
      if let id = tokenizer.id(of: marker), tokenizer.specialTokenIDs.contains(id) { found[id] = marker }
    }
  }

  /// A conversation up to where the model's answer begins.
  public struct Prompt: Sendable, Hashable {
    /// At least one token.
    public let tokens: [Int32]
    /// Whether the answer begins within a thought, which the template has opened.
    public let startsInThought: Bool

    /// A prompt of these tokens.
    public init(tokens: [Int32], startsInThought: Bool = false) {
      (self.tokens, self.startsInThought) = (tokens, startsInThought)
    }
  }

  /// The tokens of a conversation.
  ///
  /// - Parameters:
  ///   - think: whether the template, where it knows how, is asked to let the model think (`enable_thinking` as Qwen calls it,
  ///     `open_thinking` as MiniMind does)
  ///   - variables: more variables of the template; they win
  /// - Throws: `PromptError`, `ChatTemplateError`, `TemplateError`, `TokenizerError`.
  public func prompt(
    of messages: [JSON], tools: [JSON]? = nil, variables: JSON.Object = [:], think: Bool = false
  ) throws -> Prompt {
    guard let template else { throw PromptError.noTemplate }
    var all: JSON.Object = ["enable_thinking": .bool(think), "open_thinking": .bool(think)]
    for (name, value) in variables { all[name] = value }
    let text = try template.render(messages: messages, tools: tools, addGenerationPrompt: true, variables: all)
    let end = text.unicodeScalars.lastIndex { !$0.properties.isWhitespace }
    let isOpen = end.map { String(text.unicodeScalars[...$0]).hasTextSuffix(AnswerReader.openThought) } ?? false
    return Prompt(tokens: try checked(tokenizer.encode(text)), startsInThought: isOpen)
  }

  /// The tokens of a plain text that is to be continued.
  ///
  /// - Throws: `PromptError`, `TokenizerError`.
  public func prompt(continuing text: String) throws -> Prompt {
    Prompt(tokens: try checked(tokenizer.encodePrompt(text)), startsInThought: false)
  }

  private func checked(_ prompt: [Int32]) throws -> [Int32] {
    try tokenizer.requireSound()
    guard !prompt.isEmpty else { throw PromptError.empty }
    if let largest = prompt.max(), Int(largest) >= vocabularySize {
      throw PromptError.outsideVocabulary(id: Int(largest), vocabulary: vocabularySize)
    }
    return prompt
  }
}

/// Why there is nothing that a model can answer.
public enum PromptError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The tokenizer's folder has no chat template.
  case noTemplate
  /// The prompt has no tokens.
  case empty
  /// The tokenizer makes ids that the model does not have.
  case outsideVocabulary(id: Int, vocabulary: Int)

  /// The reason, and what to do.
  public var description: String {
    switch self {
    case .noTemplate: "the tokenizer has no chat template; use a plain prompt (--prompt with --plain)."
    case .empty: "the prompt is empty."
    case .outsideVocabulary(let id, let vocabulary):
      "the tokenizer makes the id \(id), but the model's vocabulary has \(vocabulary) entries: they do not belong together. "
        + "Name the model's own tokenizer with --tokenizer."
    }
  }
}
