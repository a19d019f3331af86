import OrderedJSON
import Preferences
import Testing

@Suite("The traits of a pair")
struct PairTraitsTests {
  private func tokenized(_ object: JSON) throws -> TokenizedPair {
    try byteTokenizer().tokenize(pair(object))
  }

  private func answered(_ messages: (String, String)..., more: JSON.Object = [:]) throws -> TokenizedPair {
    func side(_ answer: String) -> JSON {
      .array((messages + [("assistant", answer)]).map { ["role": .string($0.0), "content": .string($0.1)] })
    }
    var object: JSON.Object = ["chosen": side("Because it is so."), "rejected": side("No idea.")]
    for (key, value) in more { object[key] = value }
    return try tokenized(.object(object))
  }

  @Test func `Turns are the user's, and languages those of the last question and of the chosen answer`() throws {
    let one = try answered(("system", "You are a helpful assistant."), ("user", "为什么天是蓝的？"))
    #expect(one.turns == 1)
    #expect(one.promptLanguage == .chinese)
    #expect(one.answerLanguage == .latin)
    let three = try answered(
      ("user", "Why is the sky blue at noon and red in the evening, when the sun is the same?"),
      ("assistant", "Scattering."), ("user", "请用中文回答。"), ("assistant", "散射。"),
      ("user", "…"))
    #expect(three.turns == 3)
    #expect(three.promptLanguage == .latin)  // of all questions, since "…" tells nothing
    let text = try tokenized(["prompt": "天为什么是蓝的？", "chosen": "因为散射。", "rejected": "No."])
    #expect(text.turns == 1)
    #expect(text.promptLanguage == .chinese)
    #expect(text.answerLanguage == .chinese)
  }

  @Test func `Answers to one prompt have the same key, whatever the shape of their lines`() throws {
    let key = try answered(("user", "Why?")).promptKey
    #expect(try answered(("user", " Why?\n")).promptKey == key)
    for same: JSON in [
      ["prompt": "Why?", "chosen": "Other", "rejected": "answers"],
      [
        "prompt": [["content": "Why?", "role": "user"]], "chosen": [["role": "assistant", "content": "x"]],
        "rejected": [["role": "assistant", "content": "y"]],
      ],
      ["instruction": "Why?", "chosen": "x", "rejected": "y"],
    ] {
      #expect(try tokenized(same).promptKey == key)
    }
  }

  @Test func `Prompts that differ in anything have other keys`() throws {
    let tools: JSON.Object = ["tools": [["name": "search"]]]
    let keys = try [
      answered(("user", "Why?")), answered(("user", "Why")), answered(("user", "why?")),
      answered(("system", "Be brief."), ("user", "Why?")),
      answered(("user", "Why?"), ("assistant", "So."), ("user", "Why?")),
      answered(("user", "Why?"), ("assistant", "So.Why"), ("user", "?")),
      answered(("user", "Why?"), more: tools),
    ].map(\.promptKey)
    #expect(Set(keys).count == keys.count)
  }

  @Test func `The key of a prompt is the same in every process and version`() throws {
    // sha256(b"o2:s7:contents4:Why?s4:roles4:user"), the first 16 hexadecimal digits
    #expect(try answered(("user", "Why?")).promptKey == 0x7649_68FE_3964_1247)
  }

  @Test func `Conversations without a common message are told apart by what precedes their answers`() throws {
    func differing(_ question: String) throws -> TokenizedPair {
      try tokenized([
        "chosen": conversation(("user", question), ("assistant", "a")),
        "rejected": conversation(("user", question + "?"), ("assistant", "b")),
      ])
    }
    #expect(try differing("one").promptKey != differing("two").promptKey)
  }

  @Test(
    arguments: [
      (["score_chosen": 8.5, "score_rejected": 6], 2.5), (["chosen-rating": 4.25, "rejected-rating": 5], -0.75),
      (["chosen_rating": 5, "rejected_rating": 3], 2), (["rating_chosen": 5, "rating_rejected": 1], 4),
      (["chosen_score": 0.5, "rejected_score": 0.25], 0.25), (["margin": 0.75], 0.75),
      (["chosen_reward": 3, "rejected_reward": -1], 4),
    ] as [(JSON.Object, Double)])
  func `The margin is what the scores of the data differ by`(_ scores: JSON.Object, _ margin: Double) throws {
    let pair = try answered(("user", "Why?"), more: scores)
    #expect(pair.scoreMargin == margin)
  }

  @Test func `Without both scores there is no margin, and what is there is named`() throws {
    for scores: JSON.Object in [[:], ["score_chosen": 8], ["score_chosen": "8", "score_rejected": .null]] {
      #expect(try answered(("user", "Why?"), more: scores).scoreMargin == nil)
    }
    let read = try read(
      #"{"chosen": "Say a", "rejected": "Say b", "score_chosen": 8, "score_rejected": 7, "id": 1}"#
        + "\n" + #"{"chosen": "Say a", "rejected": "Say b", "score_chosen": 8}"#)
    #expect(read.pairs.map(\.unusedKeys) == [["id"], ["score_chosen"]])
  }

  @Test func `A pair that the chat template refuses has traits as well`() throws {
    let file = try read(
      goodLine + "\n"
        + #"{"prompt": [{"role": "user", "content": "为什么？"}], "chosen": [{"role": "assistant", "content": "a"}], "#
        + #""rejected": [{"role": "assistant", "content": "b"}], "chat_template_kwargs": {"refuse": true}, "margin": 2}"#
    )
    let pairs = try byteTokenizer(Templates.chatML, PairOptions(skipBadLines: true)).tokenize(file.pairs).pairs
    #expect(pairs[1].dropReason == .notRenderable)
    #expect(pairs[1].promptLanguage == .chinese)
    #expect(pairs[1].scoreMargin == 2)
    #expect(pairs.map(\.source) == [0, 0])
  }

  @Test
  func `Pairs whose scores differ by less than a least margin are dropped; those without scores are kept, and counted`()
    throws
  {
    func line(_ margin: String) -> String { #"{"prompt": "q", "chosen": "a", "rejected": "b"\#(margin)}"# }
    let file = try read(
      [", \"margin\": 0.4", ", \"margin\": 0.5", ", \"margin\": -2", "", ", \"margin\": 3"].map(line).joined(
        separator: "\n"))
    var options = PairOptions()
    options.minimumMargin = 0.5
    let tokenized = try byteTokenizer(Templates.chatML, options).tokenize(file.pairs)
    #expect(tokenized.pairs.map(\.dropReason) == [.smallMargin, nil, .smallMargin, nil, nil])
    let statistics = PairStatistics(pairs: file.pairs, tokenized: tokenized)
    #expect(statistics.dropped == [.smallMargin: 2])
    #expect((statistics.scoredPairs, statistics.unscoredPairsKept) == (4, 1))
    #expect(statistics.remarks.contains { $0.contains("no scores to compare with --min-margin: 1") })
    let unasked = try byteTokenizer().tokenize(file.pairs)
    #expect(unasked.dropCounts.isEmpty)
    #expect(PairStatistics(pairs: file.pairs, tokenized: unasked).unscoredPairsKept == 0)
  }

  @Test func `Several pairs of one prompt are found by its key, and each runs its prompt once`() throws {
    let question = "Why is the sky blue?"
    func line(_ chosen: String, _ rejected: String) -> JSON {
      [
        "chosen": conversation(("user", question), ("assistant", chosen)),
        "rejected": conversation(("user", question), ("assistant", rejected)),
      ]
    }
    let answers = ["Scattering.", "Scattered light.", "No idea.", "Ask."]
    let lines = (0..<4).map { line(answers[$0], answers[($0 + 1) % 4]).serialized() }
    let pairs = try byteTokenizer().tokenize(read(lines.joined(separator: "\n")).pairs).usable()
    #expect(Set(pairs.map(\.promptKey)).count == 1)
    #expect(pairs.map(\.index) == [0, 1, 2, 3])
    let batch = TreeBatch(pairs, sharesPrompts: false)
    // The last token of a side predicts nothing.
    #expect(batch.tokens.count == pairs.reduce(0) { $0 + $1.treeLength - 2 })
    // All four together run it once.
    let prompt = pairs[0].promptLength
    #expect(TreeBatch(pairs).tokens.count <= batch.tokens.count - 3 * (prompt - 1))
    for pair in pairs {
      #expect(pair.sharedPrefix >= pair.promptLength && pair.promptLength > question.utf8.count)
      #expect(pair.chosenIDs.prefix(pair.promptLength) == pairs[0].chosenIDs.prefix(pair.promptLength))
      #expect(pair.treeLength < pair.chosenIDs.count + pair.rejectedIDs.count - question.utf8.count)
    }
    // "Scattering." and "Scattered light." begin alike: what they share runs once as well.
    #expect(pairs[0].sharedPrefix == pairs[0].promptLength + "Scatter".utf8.count)
  }
}
