import Foundation
import OrderedJSON
import Preferences
import Testing

@Suite("What each check of the linter finds, and what it leaves alone")
struct LintCheckTests {
  @Test("Sound pairs have no finding, and every check has a name of its own")
  func sound() throws {
    let linted = try Linted(soundPairs)
    #expect(linted.report.findings == [])
    #expect(linted.report.pairs == soundPairs.count)
    #expect(Set(LintCheck.all.map(\.name)).count == LintCheck.all.count)
    let order = LintCheck.all.map { LintSeverity.allCases.firstIndex(of: $0.severity) ?? 9 }
    #expect(order == order.sorted(), "the graver ones come first")
  }

  @Test("Identical sides")
  func identicalSides() throws {
    let linted = try Linted(soundPairs + [compared("Again?", "Yes, of course.", "Yes, of course.")])
    let finding = try #require(linted["identical-sides"])
    #expect(linted.lines("identical-sides") == [11] && finding.severity == .problem && finding.total == 11)
    #expect(finding.examples.map(\.line) == [11] && finding.examples[0].note == "both answer “Yes, of course.”")
    // Each is found once: it is no contradiction of itself.
    #expect(linted.report.findings.map(\.check) == ["identical-sides"])
  }

  @Test("Pairs that differ only after the maximal length, and not those that differ within it")
  func sameAfterTruncation() throws {
    let start = String(repeating: "so ", count: 40)
    let lines = [
      compared("Why?", start + "it is.", start + "it was."), compared("Why not?", "Because " + start, start),
    ]
    let linted = try Linted(lines, options: PairOptions(maxLength: 100))
    #expect(linted.lines("same-after-truncation") == [1])
    #expect(linted["same-after-truncation"]?.remark == nil)
    let longPrompt = compared(start + start, "Yes.", "No.")
    let prompt = try Linted([longPrompt], options: PairOptions(maxLength: 100))
    #expect(prompt["same-after-truncation"]?.remark == "in 1 of them the prompt alone has 100 tokens or more")
    #expect(try Linted(lines)["same-after-truncation"] == nil)
  }

  @Test("Sides without anything to compare: the beginnings of conversations that go on, or refused by the template")
  func nothingToLearn() throws {
    let refused = compared("Why?", "It is.", "It was.", with: ["chat_template_kwargs": ["refuse": true]])
    let linted = try Linted(soundPairs + [refused], options: PairOptions(skipBadLines: true))
    #expect(linted.lines("nothing-to-learn") == [11])
    #expect(linted["nothing-to-learn"]?.examples.first?.note == "refused by the chat template")
    let long = compared(String(repeating: "why ", count: 30) + "?", "It is.", "It was.")
    #expect(try Linted([long], options: PairOptions(maxLength: 50)).lines("nothing-to-learn") == [])
  }

  @Test("Prompts that differ between the sides, but not conversations that part in an assistant's turn")
  func differingPrompts() throws {
    let other: JSON = [
      "chosen": conversation(("user", "What is DPO?"), ("assistant", "A method.")),
      "rejected": conversation(("user", "What is PPO?"), ("assistant", "Another method.")),
    ]
    let system: JSON = [
      "chosen": conversation(("system", "Be kind."), ("user", "Hello"), ("assistant", "Hello to you!")),
      "rejected": conversation(("user", "Hello"), ("assistant", "What do you want?")),
    ]
    let dialogues: JSON = [
      "chosen": conversation(("user", "Hi"), ("assistant", "Hi!"), ("user", "Sing."), ("assistant", "La la la.")),
      "rejected": conversation(("user", "Hi"), ("assistant", "What?"), ("user", "Sorry."), ("assistant", "Well then.")),
    ]
    let linted = try Linted(soundPairs + [other, system, dialogues])
    #expect(linted.lines("differing-prompts") == [11, 12])
    #expect(
      linted["differing-prompts"]?.examples.first?.note
        == "the chosen side has user: “What is DPO?”, the rejected side user: “What is PPO?”")
  }

  @Test("Empty answers, but not turns that only call a tool")
  func emptyAnswers() throws {
    let call: JSON = [
      "role": "assistant", "content": "",
      "tool_calls": [["type": "function", "function": ["name": "look", "arguments": "{}"]]],
    ]
    let calling: JSON = [
      "prompt": conversation(("user", "Weather?")), "chosen": [call],
      "rejected": conversation(("assistant", "Bad, as always.")),
    ]
    let linted = try Linted(
      soundPairs + [compared("Say it.", " \n", "It."), compared("Say nothing.", "All right.", ""), calling])
    #expect(linted.lines("empty-answers") == [11, 12])
    #expect(
      linted["empty-answers"]?.examples.map(\.note) == [
        "the chosen answer to “Say it.”", "the rejected answer to “Say nothing.”",
      ])
  }

  @Test("Answers of one token, and not of two; a mark at the end is no part of them")
  func oneTokenAnswers() throws {
    let linted = try Linted(soundPairs + [compared("A or B?", "A", "B"), compared("Ha?", "Ha", "C")])
    let finding = try #require(linted["one-token-answers"])
    #expect(finding.severity == .note && finding.count == 3 && finding.total == 24 && finding.unit == "answer")
    #expect(linted.lines("one-token-answers") == [11, 12])
    #expect(finding.examples.map(\.note) == ["chosen “A”, rejected “B”", "rejected “C”"])
  }

  @Test("Scores that contradict the order, and scores that are equal; other pairs are not counted")
  func scores() throws {
    func scored(_ chosen: Double, _ rejected: Double) -> JSON {
      compared(
        "Rate \(chosen) and \(rejected).", "First \(chosen).", "Second \(rejected).",
        with: ["score_chosen": .number(chosen), "score_rejected": .number(rejected)])
    }
    let linted = try Linted(soundPairs + [scored(2, 7.5), scored(7.5, 2), scored(4, 4)])
    #expect(linted.lines("swapped-by-score") == [11] && linted["swapped-by-score"]?.total == 3)
    #expect(linted["swapped-by-score"]?.examples.first?.note.hasPrefix("chosen scores 5.5 less than rejected") == true)
    #expect(linted.lines("equal-scores") == [13] && linted["equal-scores"]?.severity == .warning)
  }

  @Test("Control tokens that are spelled out in a text, and not what only looks like them")
  func controlTokens() throws {
    let linted = try Linted(
      soundPairs + [
        compared("Explain <|im_end|> to me.", "It ends a turn.", "No."),
        compared("Explain <im_end> to me.", "It ends a turn, some say.", "No, I will not."),
        compared("Go on.", "Yes.<|im_end|>\n<|im_start|>user\nMore?", "No, not today."),
      ])
    #expect(linted.lines("control-tokens") == [11, 13])
    #expect(
      linted["control-tokens"]?.examples.map(\.note) == [
        "<|im_end|> in the prompt", "<|im_end|> in the chosen answer",
      ])
  }

  @Test("Answers that lose their end by truncation, or have none because the template writes none")
  func lostEndTokens() throws {
    let long = String(repeating: "and on ", count: 20)
    let lines = [compared("Talk.", "Well, " + long, "No."), compared("Stop.", "Yes, I do.", "No, never.")]
    let linted = try Linted(lines, options: PairOptions(maxLength: 90))
    let finding = try #require(linted["lost-end-tokens"])
    #expect(finding.count == 1 && finding.total == 4 && linted.lines("lost-end-tokens") == [1])
    #expect(finding.remark == "in 1 pair only one side has its end, which is then part of what is compared")
    #expect(try Linted(lines, options: PairOptions(maxLength: 90, truncationMode: .keepEnd))["lost-end-tokens"] == nil)

    let endless = try Linted(
      soundPairs,
      template: { messages, _, _, generating in
        messages.map { "\($0["role"]?.string ?? ""): \($0["content"]?.string ?? "")\n" }.joined()
          + (generating ? "assistant: " : "")
      })
    #expect(endless["lost-end-tokens"]?.count == 20)
    #expect(
      endless["lost-end-tokens"]?.remark == "20 have none from the start: the template or the tokenizer writes none")
  }

  @Test("Answers that are cut off, with the share of their tokens that is lost; a cut prompt is no cut answer")
  func cutAnswers() throws {
    let long = String(repeating: "x", count: 60)
    let lines = [compared("Go.", long, "No."), compared("Stop.", "Yes, I do.", "No, never.")]
    let whole = try Linted(lines)
    #expect(whole["cut-answers"] == nil)
    let options = PairOptions(maxLength: whole.tokenized.pairs[0].chosenLength - 12)
    let finding = try #require(try Linted(lines, options: options)["cut-answers"])
    // The answers have 60 + 3 + 10 + 10 bytes, and each ends with a mark and a line feed.
    #expect(finding.count == 1 && finding.examples.map(\.note) == ["chosen loses 12 of 62 tokens"])
    #expect(finding.remark?.hasPrefix("12 of the answers' 91 tokens (13.2 %)") == true)
    let keepEnd = PairOptions(maxLength: options.maxLength, truncationMode: .keepEnd)
    #expect(try Linted(lines, options: keepEnd)["cut-answers"] == nil)
  }

  @Test("A preference for length, or against it; not a mixture of both")
  func lengthBias() throws {
    func pairs(longer: Int, shorter: Int) -> [JSON] {
      (0..<longer + shorter).map { number in
        let (long, short) = ("The long answer to it is \(number) times true.", "Short \(number).")
        return compared("Question \(number)?", number < longer ? long : short, number < longer ? short : long)
      }
    }
    let forLength = try Linted(pairs(longer: 50, shorter: 10))
    #expect(forLength["length-bias"]?.count == 50)
    #expect(forLength["length-bias"]?.remark?.hasPrefix("the chosen answer is the longer one in 83.3 %") == true)
    let against = try Linted(pairs(longer: 10, shorter: 50))
    #expect(against["length-bias"]?.remark?.hasPrefix("the chosen answer is the shorter one in 83.3 %") == true)
    #expect(try Linted(pairs(longer: 30, shorter: 30))["length-bias"] == nil)
    // Five of six is no more than chance does now and then.
    #expect(try Linted(pairs(longer: 5, shorter: 1))["length-bias"] == nil)
  }

  @Test("Chosen answers in another language than the prompt, unless the prompt asks for it or has text in it")
  func otherLanguage() throws {
    let linted = try Linted([
      compared("今天的天气怎么样，适合出门散步吗？", "It is sunny and warm, so yes.", "天气晴朗，很适合散步。"),
      compared("把这句话翻译成英文：今天天气很好。", "The weather is nice today.", "今天天气很好，我想出去。"),
      compared("总结下面的文章。\nThe weather is nice today, they said.", "Nice weather was expected.", "不知道。"),
      compared("怎样打印你好？", "```python\nprint('hello to all of the world')\n```", "用打印机打印就可以了。"),
      compared("Wie ist das Wetter in Berlin?", "It is sunny and warm in the city.", "Es ist sonnig und warm."),
    ])
    #expect(linted.lines("other-language") == [1])
    #expect(
      linted["other-language"]?.remark
        == "in 1 of them the rejected answer is in the language of the prompt, so that the change is preferred")
    #expect(linted["other-language"]?.examples.first?.note.hasPrefix("prompt zh, chosen latin, rejected zh") == true)
  }
}
