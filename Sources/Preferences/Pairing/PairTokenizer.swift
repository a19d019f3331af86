import Foundation
import OrderedJSON
import Tokenization

/// Turns pairs into tokens: chat template, empty thinking blocks, byte-pair encoding, target mask, truncation, shared
/// prefix, and whether anything is left to learn.
///
/// The ids of a conversation are those of `transformers`' `apply_chat_template(messages, tokenize=False)` followed by
/// encoding without special tokens. Plain text is encoded as TRL does it: prompt, completion and, unless it is there
/// already, the end-of-text token as one string, with special tokens; the completion starts where the ids of the prompt
/// alone stop being a prefix of either side.
public struct PairTokenizer: Sendable {
  /// Renders (messages, tools, variables, add_generation_prompt).
  package typealias Render = @Sendable ([JSON], [JSON]?, JSON.Object, Bool) throws -> String

  /// How pairs are treated.
  public let options: PairOptions

  private let encode: @Sendable (_ text: String, _ addSpecialTokens: Bool) -> [Int32]
  private let render: Render?
  private let endOfText: String?
  /// What `--completion-mask all` follows with MiniMind's own template.
  private let miniMindMask: MiniMindMask?
  static let emptyThink = "<think>\n\n</think>\n\n"

  /// A tokenizer of pairs.
  /// - Parameters:
  ///   - tokenizer: encodes text.
  ///   - template: renders conversations; needed only for data that holds conversations.
  ///   - startOfText: the tokenizer's `bos_token`, if it has one; tells MiniMind's template from others.
  ///   - endOfText: the token that closes plain-text completions (`eos_token`); nil appends nothing.
  ///   - options: how pairs are treated.
  ///   - now: what templates that print the date are told. All ranks of a run, and a run that resumes on another day,
  ///     must be given the same date to get the same tokens.
  /// - Throws: `PairError.maxLength`.
  public init(
    tokenizer: Tokenizer, template: ChatTemplate?, startOfText: String?, endOfText: String?, options: PairOptions,
    now: Date = Date()
  ) throws(PairError) {
    var render: Render?
    if let template {
      render = { messages, tools, variables, generating in
        try template.render(
          messages: messages, tools: tools, addGenerationPrompt: generating, variables: variables, now: now)
      }
    }
    try self.init(
      encode: { tokenizer.encode($0, addSpecialTokens: $1) }, render: render, startOfText: startOfText,
      endOfText: endOfText, options: options)
    requireSound = {
      do { try tokenizer.requireSound() } catch { return "\(error)" }
      return nil
    }
  }

  /// A tokenizer of pairs made of functions; tests use it with a tokenizer of their own.
  package init(
    encode: @escaping @Sendable (_ text: String, _ addSpecialTokens: Bool) -> [Int32], render: Render?,
    startOfText: String?, endOfText: String?, options: PairOptions
  ) throws(PairError) {
    guard options.maxLength >= 2 else { throw .maxLength(options.maxLength) }
    self.encode = encode
    self.render = render
    self.endOfText = endOfText
    self.options = options
    miniMindMask = render.flatMap { render in
      MiniMindMask(
        startOfText: startOfText, endOfText: endOfText, encode: { encode($0, false) },
        render: { try render($0, nil, [:], false) })
    }
  }

  /// What was wrong with the ids so far, in words; nil where nothing was.
  private var requireSound: @Sendable () -> String? = { nil }

  /// Tokenizes pairs over all cores. The result depends on nothing but the pairs, the tokenizer, the template and the
  /// options.
  /// - Parameters:
  ///   - pairs: the pairs of a file.
  ///   - progress: called with (done, total) from time to time, one call at a time.
  /// - Returns: as many pairs, in the same order, those that teach nothing marked as dropped.
  /// - Throws: `PairError` if there is no template, or it refuses a conversation.
  public func tokenize(
    _ pairs: [PreferencePair], progress: (@Sendable (Int, Int) -> Void)? = nil
  ) throws(PairError) -> TokenizedPairs {
    if let conversation = pairs.first(where: { if case .conversation = $0.content { true } else { false } }) {
      guard render != nil else { throw .noTemplate(line: conversation.line) }
    }
    let results = parallelMap(count: pairs.count, progress: progress) { index -> Result<TokenizedPair, BadLine> in
      let pair = pairs[index]
      do {
        return .success(try tokenize(pair))
      } catch {
        return .failure(BadLine(line: pair.line, reason: "\(error)"))
      }
    }

    var tokenized: [TokenizedPair] = []
    var refused: [BadLine] = []
    for (pair, result) in zip(pairs, results) {
      switch result {
      case .success(let done):
        tokenized.append(done)
      case .failure(let line):
        refused.append(line)
        var dropped = TokenizedPair(
          index: pair.index, line: pair.line, chosenIDs: [], rejectedIDs: [], chosenTargets: [],
          rejectedTargets: [], sharedPrefix: 0, dropReason: .notRenderable)
        dropped.take(PairTraits(of: pair), scoreMargin: pair.scoreMargin)
        tokenized.append(dropped)
      }
    }
    if let problem = requireSound() { throw .tokenizer(problem) }
    if !refused.isEmpty && !options.skipBadLines { throw .notRenderable(lines: refused, total: pairs.count) }
    return TokenizedPairs(pairs: tokenized, options: options)
  }

  /// Tokenizes one pair, or one text to imitate.
  /// - Throws: the chat template's error, or `PairError.noTemplate`.
  public func tokenize(_ pair: PreferencePair) throws -> TokenizedPair {
    guard pair.hasRejected else { return finished(pair, try text(of: pair)) }
    let chosen: Side
    let rejected: Side
    switch pair.content {
    case .conversation(let chosenMessages, let rejectedMessages, let shared):
      (chosen, rejected) = try sides(of: pair, chosen: chosenMessages, rejected: rejectedMessages, shared: shared)
    case .text(let prompt, let chosenText, let rejectedText):
      (chosen, rejected) = sides(prompt: prompt, chosen: chosenText, rejected: rejectedText)
    }
    return finished(pair, chosen, rejected)
  }

  // MARK: One side

  /// A whole side before truncation.
  private struct Side {
    var ids: [Int32]
    var spans: [Range<Int>]
    /// Where the first turn that is compared begins.
    var promptLength: Int
  }

  /// The side of a text to imitate: targets are the assistant's turns after the prompt or, where there is none, all of them; in
  /// plain text the completion.
  private func text(of pair: PreferencePair) throws -> Side {
    switch pair.content {
    case .text(let prompt, let completion, _):
      let ids = encode(closed(prompt + completion), true)
      let start = prompt.isEmpty ? 0 : commonPrefixCount(encode(prompt, true), ids)
      return Side(ids: ids, spans: [start..<ids.count], promptLength: start)
    case .conversation(let messages, _, let shared):
      let turns = try turns(of: pair, shared: shared)
      let conversation = try turns.conversation(messages)
      let spans = turns.spans(of: shared..<messages.count, in: conversation)
      var side = Side(
        ids: conversation.ids, spans: spans, promptLength: spans.first?.lowerBound ?? conversation.ids.count)
      if options.completionMask == .all { side.spans = allSpans(of: side, shared, turns, conversation) }
      return side
    }
  }

  private func turns(of pair: PreferencePair, shared: Int) throws -> AssistantTurns {
    guard let render else { throw PairError.noTemplate(line: pair.line) }
    let dropsEmptyThink = options.dropsEmptyThink(ofPair: pair.index)
    return AssistantTurns(sharedMessages: shared, encode: { encode($0, false) }) { messages, generating in
      let text = try render(messages, pair.tools, pair.templateVariables, generating)
      return dropsEmptyThink ? Array(text.utf8).removing(Array(Self.emptyThink.utf8)).text : text
    }
  }

  /// The targets of `--completion-mask all`, beside those of a side.
  private func allSpans(
    of side: Side, _ shared: Int, _ turns: AssistantTurns, _ conversation: AssistantTurns.Conversation
  ) -> [Range<Int>] {
    miniMindMask?.spans(in: side.ids) ?? turns.spans(of: 0..<shared, in: conversation) + side.spans
  }

  private func sides(
    of pair: PreferencePair, chosen: [JSON], rejected: [JSON], shared: Int
  ) throws -> (Side, Side) {
    let turns = try turns(of: pair, shared: shared)
    let conversations = try [turns.conversation(chosen), turns.conversation(rejected)]
    var sides = conversations.map { conversation in
      let spans = turns.spans(of: shared..<conversation.messages.count, in: conversation)
      return Side(ids: conversation.ids, spans: spans, promptLength: spans.first?.lowerBound ?? conversation.ids.count)
    }
    // The prompt of a pair is what it is for both sides, as in TRL.
    if isAssistant(chosen, shared), isAssistant(rejected, shared) {
      let start = min(sides[0].promptLength, sides[1].promptLength)
      for side in sides.indices {
        sides[side].promptLength = start
        sides[side].spans[0] = start..<sides[side].spans[0].upperBound
      }
    }
    if options.completionMask == .all {
      for side in sides.indices {
        sides[side].spans = allSpans(of: sides[side], shared, turns, conversations[side])
      }
    }
    return (sides[0], sides[1])
  }

  private func isAssistant(_ messages: [JSON], _ index: Int) -> Bool {
    messages.indices.contains(index) && messages[index]["role"]?.string == "assistant"
  }

  private func sides(prompt: String, chosen: String, rejected: String) -> (Side, Side) {
    let promptIDs = encode(prompt, true)
    let chosen = encode(prompt + closed(chosen), true)
    let rejected = encode(prompt + closed(rejected), true)
    let start = min(commonPrefixCount(promptIDs, chosen), commonPrefixCount(promptIDs, rejected))
    return (
      Side(ids: chosen, spans: [start..<chosen.count], promptLength: start),
      Side(ids: rejected, spans: [start..<rejected.count], promptLength: start)
    )
  }

  /// A text with the end-of-text token, unless it is there already.
  private func closed(_ text: String) -> String {
    guard let endOfText, !text.utf8.reversed().starts(with: endOfText.utf8.reversed()) else { return text }
    return text + endOfText
  }

  // MARK: Both sides

  private func finished(_ pair: PreferencePair, _ text: Side) -> TokenizedPair {
    let kept = kept(text)
    var result = TokenizedPair(text: kept.ids, targets: kept.targets, index: pair.index, line: pair.line)
    (result.promptLength, result.chosenLength) = (text.promptLength, text.ids.count)
    result.take(PairTraits(of: pair), scoreMargin: nil)
    result.dropReason = result.uselessness
    return result
  }

  private func finished(_ pair: PreferencePair, _ chosen: Side, _ rejected: Side) -> TokenizedPair {
    let chosenKept = kept(chosen)
    let rejectedKept = kept(rejected)
    var result = TokenizedPair(
      index: pair.index, line: pair.line, chosenIDs: chosenKept.ids, rejectedIDs: rejectedKept.ids,
      chosenTargets: chosenKept.targets, rejectedTargets: rejectedKept.targets,
      sharedPrefix: commonPrefixCount(chosenKept.ids, rejectedKept.ids),
      promptLength: min(chosen.promptLength, rejected.promptLength),
      chosenLength: chosen.ids.count, rejectedLength: rejected.ids.count)
    result.take(PairTraits(of: pair), scoreMargin: pair.scoreMargin)
    result.dropReason = dropReason(of: pair, result, areEqual: chosen.ids == rejected.ids)
    return result
  }

  private func dropReason(of pair: PreferencePair, _ tokenized: TokenizedPair, areEqual: Bool) -> DropReason? {
    if pair.isTie { return .tied }
    if areEqual { return .identical }
    if let reason = tokenized.uselessness { return reason }
    if let least = options.minimumMargin, let margin = pair.scoreMargin, margin < least { return .smallMargin }
    return nil
  }

  /// The ids and targets within the maximal length. The mask is made before the cut, so that a turn whose header was
  /// cut off keeps its targets.
  private func kept(_ side: Side) -> (ids: [Int32], targets: [Bool]) {
    var targets = [Bool](repeating: false, count: side.ids.count)
    for span in side.spans {
      for position in span { targets[position] = true }
    }
    let length = options.maxLength
    var ids = side.ids
    if ids.count > length {
      switch options.truncationMode {
      case .keepStart:
        ids = Array(ids.prefix(length))
        targets = Array(targets.prefix(length))
      case .keepEnd:
        ids = Array(ids.suffix(length))
        targets = Array(targets.suffix(length))
      }
    }
    if !targets.isEmpty { targets[0] = false }
    return (ids, targets)
  }
}
