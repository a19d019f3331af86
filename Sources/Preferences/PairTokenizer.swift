import Foundation
import OrderedJSON
import Tokenization

/// Makes pairs into tokens: chat template, empty thinking blocks, byte-pair encoding, target mask, truncation, shared
/// prefix, and whether anything is left to learn.
///
/// The ids of a conversation are those of `transformers`' `apply_chat_template(messages, tokenize=False)` followed by
/// encoding without special tokens. Plain text is encoded as TRL does it: prompt, completion and, unless it is there
/// already, the end-of-text token as one string, with special tokens; the completion starts where the ids of the prompt
/// alone stop being a prefix of either side.
public struct PairTokenizer: Sendable {
  /// Renders (messages, tools, variables, add_generation_prompt).
  package typealias Render = @Sendable ([JSON], [JSON]?, [String: JSON], Bool) throws -> String

  /// How pairs are treated.
  public let options: PairOptions
  /// The marks of an assistant turn; nil without a chat template, or where they could not be found.
  public var turnMarkers: TurnMarkers? { (try? turns?.get())?.markers }

  private let encode: @Sendable (_ text: String, _ addSpecialTokens: Bool) -> [Int32]
  private let render: Render?
  private let endOfText: String?
  private let turns: Result<(markers: TurnMarkers, spans: TargetSpans), PairError>?
  private static let emptyThink = Array("<think>\n\n</think>\n\n".utf8)

  /// A tokenizer of pairs.
  /// - Parameters:
  ///   - tokenizer: what makes text into ids.
  ///   - template: what makes conversations into text; needed only for data that holds conversations.
  ///   - endOfText: the token that closes plain-text completions (`eos_token`); nil appends nothing.
  ///   - options: how pairs are treated.
  ///   - now: what templates that print the date are told. All ranks of a run, and a run that resumes on another day,
  ///     need the same to get the same tokens.
  /// - Throws: `PairError.maxLength`. What a template lacks is thrown when a conversation needs it.
  public init(
    tokenizer: Tokenizer, template: ChatTemplate?, endOfText: String?, options: PairOptions, now: Date = Date()
  ) throws(PairError) {
    var render: Render?
    if let template {
      render = { messages, tools, variables, generating in
        try template.render(
          messages: messages, tools: tools, addGenerationPrompt: generating, variables: variables, now: now)
      }
    }
    try self.init(
      encode: { tokenizer.encode($0, addSpecialTokens: $1) }, render: render, endOfText: endOfText, options: options)
  }

  /// A tokenizer of pairs made of functions; tests use it with a tokenizer of their own.
  package init(
    encode: @escaping @Sendable (_ text: String, _ addSpecialTokens: Bool) -> [Int32], render: Render?,
    endOfText: String?, options: PairOptions
  ) throws(PairError) {
    guard options.maxLength >= 2 else { throw .maxLength(options.maxLength) }
    self.encode = encode
    self.render = render
    self.endOfText = endOfText
    self.options = options
    guard let render else {
      turns = nil
      return
    }
    do throws(PairError) {
      let markers = try TurnMarkers { messages, generating in try render(messages, nil, [:], generating) }
      let spans = TargetSpans(header: encode(markers.header, false), terminator: encode(markers.terminator, false))
      guard !spans.header.isEmpty, !spans.terminator.isEmpty else {
        throw .noTurnMarkers(reason: "the tokenizer has no tokens for its marks")
      }
      turns = .success((markers, spans))
    } catch {
      turns = .failure(error)
    }
  }

  /// Tokenizes pairs over all cores. The result depends on nothing but the pairs, the tokenizer, the template and the
  /// options.
  /// - Parameters:
  ///   - pairs: the pairs of a file.
  ///   - progress: called with (done, total) now and then, one call at a time.
  /// - Returns: as many pairs, in the same order, those that teach nothing marked as dropped.
  /// - Throws: `PairError` where the template is missing, unusable, or refuses a conversation.
  public func tokenize(
    _ pairs: [PreferencePair], progress: (@Sendable (Int, Int) -> Void)? = nil
  ) throws(PairError) -> TokenizedPairs {
    if let conversation = pairs.first(where: { if case .conversation = $0.content { true } else { false } }) {
      guard let turns else { throw .noTemplate(line: conversation.line) }
      _ = try turns.get()
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
        tokenized.append(
          TokenizedPair(
            index: pair.index, line: pair.line, chosenIDs: [], rejectedIDs: [], chosenTargets: [],
            rejectedTargets: [], sharedPrefix: 0, dropReason: .notRenderable))
      }
    }
    if !refused.isEmpty && !options.skipBadLines { throw .notRenderable(lines: refused, total: pairs.count) }
    return TokenizedPairs(pairs: tokenized, options: options)
  }

  /// Tokenizes one pair.
  /// - Throws: the chat template's error, or `PairError` where there is no usable template.
  public func tokenize(_ pair: PreferencePair) throws -> TokenizedPair {
    let chosen: Side
    let rejected: Side
    switch pair.content {
    case .conversation(let chosenMessages, let rejectedMessages, let shared):
      var cache: PromptCache?
      chosen = try side(of: pair, messages: chosenMessages, shared: shared, cache: &cache)
      rejected = try side(of: pair, messages: rejectedMessages, shared: shared, cache: &cache)
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

  /// The prompt whose ids were computed last: the other side of a pair nearly always has the same.
  private struct PromptCache {
    var text: [UInt8]
    var ids: [Int32]
  }

  private func side(
    of pair: PreferencePair, messages: [JSON], shared: Int, cache: inout PromptCache?
  ) throws -> Side {
    guard let turns else { throw PairError.noTemplate(line: pair.line) }
    let (markers, targets) = try turns.get()
    let text = try rendered(messages[...], of: pair)
    let ids = encode(text.text, false)
    let all = targets.all(in: ids)
    let compared = messages[shared...].count { $0["role"]?.string == "assistant" }
    switch options.completionMask {
    case .all:
      // Where the compared turns begin matters here only for statistics: the last spans are close enough.
      return Side(ids: ids, spans: all, promptLength: all.suffix(compared).first?.lowerBound ?? ids.count)
    case .lastTurns:
      let starts = try completionStarts(
        of: pair, messages: messages, shared: shared, opening: markers.opening, text: text, ids: ids, cache: &cache)
      let spans = starts?.map { targets.span(from: $0, in: ids) } ?? Array(all.suffix(compared))
      return Side(ids: ids, spans: spans, promptLength: spans.first?.lowerBound ?? ids.count)
    }
  }

  /// Where the assistant turns after the shared messages begin, in ids; nil where the template does not write the
  /// beginning of a conversation as it writes it alone (or refuses it alone), so that only counting turns is left.
  ///
  /// Not the header's ids but the length of the text in front decides: a user may have quoted a header.
  private func completionStarts(
    of pair: PreferencePair, messages: [JSON], shared: Int, opening: String, text: [UInt8], ids: [Int32],
    cache: inout PromptCache?
  ) throws -> [Int]? {
    var starts: [Int] = []
    for index in messages.indices[shared...] where messages[index]["role"]?.string == "assistant" {
      var prompt: [UInt8] = []
      if index > 0 {
        guard let before = try? rendered(messages[..<index], of: pair) else { return nil }
        prompt = before
      }
      prompt += opening.utf8
      guard text.starts(with: prompt) else { return nil }
      let promptIDs: [Int32]
      if let cache, cache.text == prompt {
        promptIDs = cache.ids
      } else {
        promptIDs = encode(prompt.text, false)
        cache = PromptCache(text: prompt, ids: promptIDs)
      }
      // A reply that begins with a line feed may melt into the header's last token, which then is the first target.
      starts.append(commonPrefixCount(promptIDs, ids))
    }
    return starts
  }

  private func rendered(_ messages: ArraySlice<JSON>, of pair: PreferencePair) throws -> [UInt8] {
    guard let render else { throw PairError.noTemplate(line: pair.line) }
    let text = Array(try render(Array(messages), pair.tools, pair.templateVariables, false).utf8)
    return options.dropsEmptyThink(ofPair: pair.index) ? text.removing(Self.emptyThink) : text
  }

  private func sides(prompt: String, chosen: String, rejected: String) -> (Side, Side) {
    func whole(_ completion: String) -> String {
      guard let endOfText, !completion.utf8.reversed().starts(with: endOfText.utf8.reversed()) else {
        return prompt + completion
      }
      return prompt + completion + endOfText
    }
    let promptIDs = encode(prompt, true)
    let chosen = encode(whole(chosen), true)
    let rejected = encode(whole(rejected), true)
    let start = min(commonPrefixCount(promptIDs, chosen), commonPrefixCount(promptIDs, rejected))
    return (
      Side(ids: chosen, spans: [start..<chosen.count], promptLength: start),
      Side(ids: rejected, spans: [start..<rejected.count], promptLength: start)
    )
  }

  // MARK: Both sides

  private func finished(_ pair: PreferencePair, _ chosen: Side, _ rejected: Side) -> TokenizedPair {
    let chosenKept = kept(chosen)
    let rejectedKept = kept(rejected)
    var result = TokenizedPair(
      index: pair.index, line: pair.line, chosenIDs: chosenKept.ids, rejectedIDs: rejectedKept.ids,
      chosenTargets: chosenKept.targets, rejectedTargets: rejectedKept.targets,
      sharedPrefix: commonPrefixCount(chosenKept.ids, rejectedKept.ids),
      promptLength: min(chosen.promptLength, rejected.promptLength),
      chosenLength: chosen.ids.count, rejectedLength: rejected.ids.count)
    if chosen.ids == rejected.ids { result.dropReason = .identical } else { result.dropReason = result.uselessness }
    return result
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

extension TokenizedPair {
  /// Why nothing can be learned from the sides as they are now; nil if something can.
  fileprivate var uselessness: DropReason? {
    if chosenIDs == rejectedIDs { return .identicalAfterTruncation }
    let chosenHasTargets = chosenTargets.contains(true)
    let rejectedHasTargets = rejectedTargets.contains(true)
    if !chosenHasTargets && !rejectedHasTargets { return .noTargets }
    if !chosenHasTargets || !rejectedHasTargets { return .oneSideWithoutTargets }
    if chosenTargets.dropFirst(sharedPrefix).contains(true) || rejectedTargets.dropFirst(sharedPrefix).contains(true) {
      return nil
    }
    return .noDifferingTargets
  }
}
