import OrderedJSON
import Preferences
import Synchronization
import Testing

struct PairTokenizerTests {
  private func tokenized(
    _ object: JSON, _ template: @escaping PairTokenizer.Render = Templates.chatML,
    _ options: PairOptions = PairOptions()
  ) throws -> TokenizedPair {
    try byteTokenizer(template, options).tokenize(pair(object))
  }

  private let twoTurns: JSON = [
    "chosen": conversation(("user", "q1"), ("assistant", "a1"), ("user", "q2"), ("assistant", "good")),
    "rejected": conversation(("user", "q1"), ("assistant", "a1"), ("user", "q2"), ("assistant", "great")),
  ]

  // MARK: Masks

  @Test func `Last turns are the assistant's turns after the shared messages, with their terminator`() throws {
    let result = try tokenized(twoTurns)
    #expect(targetTexts(result.chosenIDs, result.chosenTargets) == ["good<|im_end|>\n"])
    #expect(targetTexts(result.rejectedIDs, result.rejectedTargets) == ["great<|im_end|>\n"])
    let thinking = try tokenized(twoTurns, Templates.lastThinking)
    #expect(
      targetTexts(thinking.chosenIDs, thinking.chosenTargets) == ["<think>\n\n</think>\n\ngood<|im_end|>\n"])
  }

  @Test func `All turns are all of the assistant's`() throws {
    let result = try tokenized(twoTurns, Templates.chatML, PairOptions(completionMask: .all))
    #expect(targetTexts(result.chosenIDs, result.chosenTargets) == ["a1<|im_end|>\n", "good<|im_end|>\n"])
    #expect(targetTexts(result.rejectedIDs, result.rejectedTargets) == ["a1<|im_end|>\n", "great<|im_end|>\n"])
  }

  @Test func `Llama-3's marks work as well`() throws {
    let result = try tokenized(twoTurns, Templates.llama3, PairOptions(completionMask: .all))
    #expect(targetTexts(result.chosenIDs, result.chosenTargets) == ["a1<|eot_id|>", "good<|eot_id|>"])
  }

  @Test func `What the generation prompt writes is no target, an empty thinking block among it`() throws {
    for mask in PairOptions.CompletionMask.allCases {
      let result = try tokenized(twoTurns, Templates.thinking, PairOptions(completionMask: mask))
      #expect(targetTexts(result.chosenIDs, result.chosenTargets).last == "good<|im_end|>\n")
    }
  }

  @Test func `With MiniMind's marks all turns are searched in the ids as MiniMind does it`() throws {
    let tokenizer = try PairTokenizer(
      encode: ByteTokenizer().encode, render: Templates.thinking, startOfText: "<|im_start|>", endOfText: "<|im_end|>",
      options: PairOptions(completionMask: .all))
    let result = try tokenizer.tokenize(pair(twoTurns))
    let block = "<think>\n\n</think>\n\n"
    #expect(
      targetTexts(result.chosenIDs, result.chosenTargets)
        == ["\(block)a1<|im_end|>\n", "\(block)good<|im_end|>\n"])
  }

  @Test func `An answer that quotes marks is a target to its end, under either mask`() throws {
    let quoting = "A turn ends in <|im_end|>\n, then comes <|im_start|>assistant\n."
    let record: JSON = [
      "chosen": conversation(("user", "q"), ("assistant", quoting), ("user", "r"), ("assistant", quoting)),
      "rejected": conversation(("user", "q"), ("assistant", quoting), ("user", "r"), ("assistant", "no")),
    ]
    let last = try tokenized(record)
    #expect(targetTexts(last.chosenIDs, last.chosenTargets) == [quoting + "<|im_end|>\n"])
    let all = try tokenized(record, Templates.chatML, PairOptions(completionMask: .all))
    #expect(targetTexts(all.chosenIDs, all.chosenTargets) == [quoting + "<|im_end|>\n", quoting + "<|im_end|>\n"])
    #expect(targetTexts(all.rejectedIDs, all.rejectedTargets) == [quoting + "<|im_end|>\n", "no<|im_end|>\n"])
  }

  @Test func `A header quoted by the user does not shift the mask of last turns`() throws {
    let quoting = "what does <|im_start|>assistant\nhi<|im_end|>\n mean?"
    let record: JSON = [
      "chosen": conversation(("user", quoting), ("assistant", "a"), ("user", quoting), ("assistant", "good")),
      "rejected": conversation(("user", quoting), ("assistant", "a"), ("user", quoting), ("assistant", "bad")),
    ]
    for template in [Templates.chatML, Templates.thinking] as [PairTokenizer.Render] {
      let result = try tokenized(record, template, PairOptions(emptyThink: .drop))
      #expect(targetTexts(result.chosenIDs, result.chosenTargets) == ["good<|im_end|>\n"])
      #expect(targetTexts(result.rejectedIDs, result.rejectedTargets) == ["bad<|im_end|>\n"])
    }
  }

  @Test func `A header quoted in turns that are not shared does not become a target either`() throws {
    let quoting = "what does <|im_start|>assistant\nhi<|im_end|>\n mean?"
    let result = try tokenized([
      "chosen": conversation(("user", quoting), ("assistant", "good")),
      "rejected": conversation(("user", quoting + "!"), ("assistant", "bad")),
    ])
    #expect(targetTexts(result.chosenIDs, result.chosenTargets) == ["good<|im_end|>\n"])
    #expect(targetTexts(result.rejectedIDs, result.rejectedTargets) == ["bad<|im_end|>\n"])
  }

  @Test func `Several turns after the shared messages are all targets`() throws {
    let result = try tokenized([
      "chosen": conversation(("user", "q"), ("assistant", "a"), ("user", "more"), ("assistant", "b")),
      "rejected": conversation(("user", "q"), ("assistant", "c")),
    ])
    #expect(targetTexts(result.chosenIDs, result.chosenTargets) == ["a<|im_end|>\n", "b<|im_end|>\n"])
    #expect(targetTexts(result.rejectedIDs, result.rejectedTargets) == ["c<|im_end|>\n"])
    #expect(result.promptLength == "..user\nq..\n..assistant\n".utf8.count - 3)
  }

  @Test func `An explicit prompt may end in the middle of equal messages`() throws {
    let result = try tokenized([
      "prompt": conversation(("user", "q")),
      "chosen": conversation(("assistant", "a"), ("user", "more"), ("assistant", "good")),
      "rejected": conversation(("assistant", "a"), ("user", "more"), ("assistant", "bad")),
    ])
    #expect(targetTexts(result.chosenIDs, result.chosenTargets) == ["a<|im_end|>\n", "good<|im_end|>\n"])
  }

  // MARK: Thinking blocks

  @Test func `Empty thinking blocks are kept, deleted, or deleted in both sides of random pairs`() throws {
    let block = "<think>\n\n</think>\n\n"
    let kept = try tokenized(twoTurns, Templates.thinking)
    #expect(ByteTokenizer().decode(kept.chosenIDs).contains(block))
    let dropped = try tokenized(twoTurns, Templates.thinking, PairOptions(emptyThink: .drop))
    #expect(dropped.chosenIDs == (try tokenized(twoTurns)).chosenIDs)
    #expect(dropped.chosenTargets == (try tokenized(twoTurns)).chosenTargets)

    let options = PairOptions(emptyThink: .random, seed: 5)
    let tokenizer = try byteTokenizer(Templates.thinking, options)
    for index in 0..<50 {
      var pair = try pair(twoTurns)
      pair.index = index
      let result = try tokenizer.tokenize(pair)
      let isDropped = options.dropsEmptyThink(ofPair: index)
      #expect(result.chosenIDs == (isDropped ? dropped : kept).chosenIDs)
      #expect(result.rejectedIDs == (isDropped ? dropped : kept).rejectedIDs)
      #expect(result.chosenTargets == (isDropped ? dropped : kept).chosenTargets)
    }
  }

  @Test func `Thinking blocks with something in them stay`() throws {
    let thoughtful: JSON = ["role": "assistant", "content": "good", "reasoning_content": "hm"]
    let result = try tokenized(
      [
        "chosen": [["role": "user", "content": "q"], thoughtful],
        "rejected": conversation(("user", "q"), ("assistant", "bad")),
      ], Templates.thinking, PairOptions(emptyThink: .drop))
    #expect(targetTexts(result.chosenIDs, result.chosenTargets) == ["<think>\nhm\n</think>\n\ngood<|im_end|>\n"])
    #expect(targetTexts(result.rejectedIDs, result.rejectedTargets) == ["bad<|im_end|>\n"])
  }

  // MARK: Truncation and the shared prefix

  @Test func `keep_start cuts the end, keep_end the beginning, and lengths before the cut are kept`() throws {
    let whole = try tokenized(twoTurns)
    let length = whole.chosenIDs.count - 3
    let start = try tokenized(twoTurns, Templates.chatML, PairOptions(maxLength: length))
    #expect(start.chosenIDs == Array(whole.chosenIDs.prefix(length)))
    #expect(start.chosenTargets == Array(whole.chosenTargets.prefix(length)))
    #expect(start.chosenIsTruncated && start.rejectedIsTruncated)
    #expect(start.chosenLength == whole.chosenIDs.count && start.rejectedLength == whole.rejectedIDs.count)
    let end = try tokenized(
      twoTurns, Templates.chatML, PairOptions(maxLength: length, truncationMode: .keepEnd))
    #expect(end.chosenIDs == Array(whole.chosenIDs.suffix(length)))
    #expect(end.chosenTargets == Array(whole.chosenTargets.suffix(length)))
  }

  @Test func `A turn whose header is cut off keeps its targets, but the first token is never one`() throws {
    let result = try tokenized(twoTurns, Templates.chatML, PairOptions(maxLength: 4, truncationMode: .keepEnd))
    #expect(targetTexts(result.chosenIDs, [true, true, true, true]) == ["od<|im_end|>\n"])
    #expect(result.chosenTargets == [false, true, true, true])
  }

  @Test func `The shared prefix ends at the first token that differs and may hold targets`() throws {
    let result = try tokenized(twoTurns)
    #expect(ByteTokenizer().decode(Array(result.chosenIDs.dropFirst(result.sharedPrefix))) == "ood<|im_end|>\n")
    #expect(ByteTokenizer().decode(Array(result.rejectedIDs.dropFirst(result.sharedPrefix))) == "reat<|im_end|>\n")
    #expect(result.chosenTargets[result.sharedPrefix - 1])
    #expect(result.treeLength == result.chosenIDs.count + result.rejectedIDs.count - result.sharedPrefix)
  }

  // MARK: Templates

  @Test func `A template that writes nothing before an answer is taken`() throws {
    let result = try tokenized(twoTurns, Templates.unmarked)
    #expect(targetTexts(result.chosenIDs, result.chosenTargets) == ["good</s>"])
  }

  @Test func `A template that refuses every conversation is refused with its own words`() throws {
    let tokenizer = try byteTokenizer({ _, _, _, _ in throw Templates.Refusal(description: "never") })
    #expect(throws: PairError.notRenderable(lines: [BadLine(line: 1, reason: "never")], total: 1)) {
      try tokenizer.tokenize(try read(goodLine).pairs)
    }
  }

  @Test func `Conversations without a template are an error that names the first`() throws {
    let tokenizer = try PairTokenizer(
      encode: ByteTokenizer().encode, render: nil, startOfText: nil, endOfText: nil, options: PairOptions())
    #expect(throws: PairError.noTemplate(line: 2)) {
      try tokenizer.tokenize(try read(#"{"prompt": "a", "chosen": "b", "rejected": "c"}"# + "\n" + goodLine).pairs)
    }
  }

  // MARK: Plain text

  @Test func `Plain text is prompt, completion and end of text, with the tokens a tokenizer adds`() throws {
    let result = try tokenized(["prompt": "1+1=", "chosen": "2", "rejected": "3</s>"])
    #expect(ByteTokenizer().decode(result.chosenIDs) == "<s>1+1=2</s>")
    #expect(ByteTokenizer().decode(result.rejectedIDs) == "<s>1+1=3</s>")
    #expect(targetTexts(result.chosenIDs, result.chosenTargets) == ["2</s>"])
    #expect(result.sharedPrefix == 5 && result.promptLength == 5)
  }

  @Test func `Without an end-of-text token nothing is appended`() throws {
    let tokenizer = try byteTokenizer(Templates.chatML, PairOptions(), endOfText: nil)
    let result = try tokenizer.tokenize(pair(["prompt": "1+1=", "chosen": "2", "rejected": "3"]))
    #expect(ByteTokenizer().decode(result.chosenIDs) == "<s>1+1=2")
  }

  // MARK: Dropping

  @Test func `Pairs that teach nothing are dropped, each with its reason`() throws {
    let same: JSON = [
      "chosen": conversation(("user", "q"), ("assistant", "a")),
      "rejected": conversation(("user", "q"), ("assistant", "a")),
    ]
    #expect(try tokenized(same).dropReason == .identical)
    let long: JSON = [
      "chosen": conversation(("user", "a long question"), ("assistant", "a")),
      "rejected": conversation(("user", "a long question"), ("assistant", "b")),
    ]
    let short = PairOptions(maxLength: 10)
    #expect(try tokenized(long, Templates.chatML, short).dropReason == .identicalAfterTruncation)
    let different: JSON = [
      "chosen": conversation(("user", "a long question"), ("assistant", "a")),
      "rejected": conversation(("user", "b long question"), ("assistant", "b")),
    ]
    #expect(try tokenized(different, Templates.chatML, short).dropReason == .noTargets)
    let uneven: JSON = [
      "chosen": conversation(("user", "q"), ("assistant", "a")),
      "rejected": conversation(("user", "a long question"), ("assistant", "b")),
    ]
    #expect(
      try tokenized(uneven, Templates.chatML, PairOptions(maxLength: 25)).dropReason == .oneSideWithoutTargets)
    let later: JSON = [
      "chosen": conversation(("user", "q"), ("assistant", "a"), ("user", "xyz"), ("assistant", "a")),
      "rejected": conversation(("user", "q"), ("assistant", "a"), ("user", "uvw"), ("assistant", "b")),
    ]
    let cut = PairOptions(maxLength: 35, completionMask: .all)
    #expect(try tokenized(later, Templates.chatML, cut).dropReason == .noDifferingTargets)
    #expect(try tokenized(later).dropReason == nil)
  }

  @Test func `When every pair is dropped the error says why and names the shortest prompt`() throws {
    let pairs = try read(goodLine + "\n" + goodLine).pairs
    let tokenized = try byteTokenizer(Templates.chatML, PairOptions(maxLength: 5)).tokenize(pairs)
    let prompt = "..user\nHi..\n..assistant\n".utf8.count - 3
    #expect(tokenized.dropCounts == [.identicalAfterTruncation: 2])
    #expect {
      try tokenized.usable()
    } throws: { error in
      "\(error)"
        == "none of the 2 pairs can be learned from: 2 × identical after truncation. --max-length 5 is shorter than "
        + "every prompt; the shortest has \(prompt) tokens. Raise --max-length above it, or cut the beginnings "
        + "instead with --truncation-mode keep_end."
    }
    #expect(throws: PairError.maxLength(1)) { try byteTokenizer(Templates.chatML, PairOptions(maxLength: 1)) }
  }

  @Test func `Conversations the template refuses are listed with their lines, or dropped`() throws {
    let refused = #"{"chat_template_kwargs": {"refuse": true}, "#
    let pairs = try read(goodLine + "\n" + refused + goodLine.dropFirst()).pairs
    #expect(throws: PairError.notRenderable(lines: [BadLine(line: 2, reason: "the template says no")], total: 2)) {
      try byteTokenizer().tokenize(pairs)
    }
    let tokenized = try byteTokenizer(Templates.chatML, PairOptions(skipBadLines: true)).tokenize(pairs)
    #expect(tokenized.pairs.map(\.dropReason) == [nil, .notRenderable])
    #expect(try tokenized.usable().map(\.index) == [0])
  }

  // MARK: Many pairs

  @Test func `Many pairs keep their order, equal one by one, and report progress to the end`() throws {
    let lines = (0..<200).map { number -> String in
      let object: JSON = [
        "chosen": conversation(("user", "\(number)?"), ("assistant", "yes \(number)")),
        "rejected": conversation(("user", "\(number)?"), ("assistant", "no \(number)")),
      ]
      return object.serialized()
    }
    let pairs = try read(lines.joined(separator: "\n")).pairs
    let tokenizer = try byteTokenizer(Templates.thinking, PairOptions(emptyThink: .random))
    let seen = Mutex<[Int]>([])
    let tokenized = try tokenizer.tokenize(pairs) { done, total in
      #expect(total == 200)
      seen.withLock { $0.append(done) }
    }
    #expect(tokenized.pairs == (try pairs.map { try tokenizer.tokenize($0) }))
    #expect(tokenized.pairs.map(\.index) == Array(0..<200))
    #expect(seen.withLock { $0.last == 200 && $0 == $0.sorted() })
  }

  @Test func `The largest id is that of any pair`() throws {
    let tokenized = try byteTokenizer().tokenize(read(goodLine).pairs)
    #expect(tokenized.largestID == ByteTokenizer().id(of: "<|im_end|>"))
    #expect(TokenizedPairs(pairs: [], options: PairOptions()).largestID == nil)
  }
}
