import Foundation
import OrderedJSON
import Tokenization

/// A text on which a model is watched for forgetting, as tokens, with a mark on each that is to be predicted.
public struct GuardText: Sendable, Hashable {
  /// Its place among the texts, counted from 0.
  public var index: Int
  /// The tokens.
  public var ids: [Int32]
  /// Whether each is to be predicted. The first never is: nothing predicts it.
  public var targets: [Bool]

  /// A text made of its parts; nothing is checked.
  public init(index: Int, ids: [Int32], targets: [Bool]) {
    (self.index, self.ids, self.targets) = (index, ids, targets)
  }

  /// The number of tokens to be predicted.
  public var targetCount: Int { targets.count { $0 } }

  /// Reads and tokenizes a file of texts. In a plain text every token but the first is predicted; in a conversation, which the
  /// chat template writes, those of the assistant's turns.
  ///
  /// - Parameters:
  ///   - template: nil where the tokenizer has none, which is enough for plain texts
  ///   - maxLength: tokens of a text that are kept, from its beginning
  ///   - now: what templates that print the date are told
  /// - Returns: the texts in which something is predicted
  /// - Throws: `GuardFileError`; `PreferenceFileError` where a compressed file cannot be unpacked; `TokenizerError` where a pattern
  ///   of the tokenizer ran out of bounds.
  public static func texts(
    of file: URL, tokenizer: Tokenizer, template: ChatTemplate?, maxLength: Int, now: Date = Date()
  ) throws -> [GuardText] {
    let read = try GuardFile(contentsOf: file).texts
    if template == nil, let first = read.first(where: { if case .conversation = $0.content { true } else { false } }) {
      throw GuardFileError.noTemplate(path: file.path, line: first.line)
    }
    let made = parallelMap(count: read.count) { place -> Result<GuardText, BadLine> in
      do {
        return .success(try text(read[place].content, tokenizer, template, maxLength: maxLength, now: now))
      } catch {
        return .failure(BadLine(line: read[place].line, reason: "\(error)"))
      }
    }
    var texts: [GuardText] = []
    var bad: [BadLine] = []
    for result in made {
      switch result {
      case .success(var text) where text.targetCount > 0:
        text.index = texts.count
        texts.append(text)
      case .success: continue
      case .failure(let line): bad.append(line)
      }
    }
    try tokenizer.requireSound()
    guard bad.isEmpty else { throw GuardFileError.unusable(path: file.path, lines: bad) }
    guard !texts.isEmpty else { throw GuardFileError.nothingToMeasure(path: file.path, maxLength: maxLength) }
    return texts
  }

  private static func text(
    _ content: GuardFile.Content, _ tokenizer: Tokenizer, _ template: ChatTemplate?, maxLength: Int, now: Date
  ) throws -> GuardText {
    var ids: [Int32]
    var targets: [Bool]
    switch content {
    case .text(let text):
      ids = tokenizer.encode(text, addSpecialTokens: true)
      targets = [Bool](repeating: true, count: ids.count)
    case .conversation(let messages, let tools):
      let turns = AssistantTurns(sharedMessages: 0, encode: { tokenizer.encode($0) }) { messages, generating in
        try template?.render(messages: messages, tools: tools, addGenerationPrompt: generating, now: now) ?? ""
      }
      let conversation = try turns.conversation(messages)
      ids = conversation.ids
      targets = [Bool](repeating: false, count: ids.count)
      for span in turns.spans(of: 0..<messages.count, in: conversation) { for place in span { targets[place] = true } }
    }
    (ids, targets) = (Array(ids.prefix(maxLength)), Array(targets.prefix(maxLength)))
    if !targets.isEmpty { targets[0] = false }
    return GuardText(index: 0, ids: ids, targets: targets)
  }
}

extension GuardText {
  /// The text as a pair that has a chosen side only.
  public var asPair: TokenizedPair { TokenizedPair(text: ids, targets: targets, index: index) }
}
