import MiniMind
import Observability
import OrderedJSON
import Serving
import Testing
import minimind_dpo

@Suite("A conversation at the terminal, without a terminal")
struct ChatSessionTests {
  /// Answers what it is told to, and remembers what it was asked.
  private final class Voice: ChatVoice {
    let name: String
    var contextLength = 1000
    var answers: [[AnswerPart]]
    var asked: [[JSON]] = []
    var thinks: [Bool] = []
    var samplings: [SamplingOptions] = []
    var isCut = false

    init(_ name: String = "model", _ answers: [AnswerPart]...) { (self.name, self.answers) = (name, answers) }

    /// A token for each character of the contents.
    func prompt(of messages: [JSON], thinks: Bool) throws -> ChatFormat.Prompt {
      asked.append(messages)
      self.thinks.append(thinks)
      let length = messages.reduce(0) { $0 + ($1["content"]?.string?.count ?? 0) }
      return ChatFormat.Prompt(tokens: Array(repeating: 1, count: max(1, length)))
    }

    func answer(
      _ prompt: ChatFormat.Prompt, _ sampling: SamplingOptions, onPart: (AnswerPart) -> Bool
    ) throws -> Bool {
      samplings.append(sampling)
      for part in answers.isEmpty ? [.content("\(name) \(samplings.count)")] : answers.removeFirst() {
        if !onPart(part) { break }
      }
      return isCut
    }
  }

  private final class Screen: ChatScreen {
    var text = ""
    var notes: [String] = []
    func write(_ text: String) { self.text += text }
    func writeThought(_ text: String) { self.text += "«" + text + "»" }
    func endAnswer() { text += "\n" }
    func name(_ name: String) { text += name + ": " }
    func note(_ text: String) { notes.append(text) }
  }

  private let screen = Screen()

  private func session(
    _ voice: Voice, other: Voice? = nil, compares: Bool = false, seed: UInt64? = 7,
    isInterrupted: @escaping () -> Bool = { false }
  ) -> ChatSession {
    var sampling = SamplingOptions()
    (sampling.temperature, sampling.topP, sampling.maxNewTokens) = (0.85, 0.95, 200)
    return ChatSession(
      voice, comparingWith: other.map { other in { other } }, compares: compares,
      settings: ChatSettings(sampling, seed: seed), screen: screen, isInterrupted: isInterrupted)
  }

  private func take(_ session: ChatSession, _ lines: String...) throws {
    for line in lines { #expect(try session.take(line)) }
  }

  private func contents(_ messages: [JSON]?) -> [String] {
    (messages ?? []).map { "\($0["role"]?.string ?? ""): \($0["content"]?.string ?? "")" }
  }

  @Test("Lines with a slash are commands, known by any of their names; the others are said as they are")
  func commands() {
    #expect(ChatCommand("  Hello /there ") == .message("Hello /there"))
    #expect(ChatCommand(" \t") == .nothing)
    #expect(ChatCommand("/new") == .reset)
    #expect(ChatCommand("/retry") == .regenerate)
    #expect(ChatCommand("/exit") == .quit)
    #expect(ChatCommand("/system You are kind.") == .system("You are kind."))
    #expect(ChatCommand("/set top_p=0.9") == .set(.init(name: "top-p", value: "0.9")))
    #expect(ChatCommand("/set temperature 0.7") == .set(.init(name: "temperature", value: "0.7")))
    #expect(ChatCommand("/think fold") == .think(.fold))
    #expect(ChatCommand("/compare") == .compare(nil))
    #expect(ChatCommand("/compare on") == .compare(true))
    #expect(ChatCommand("//help") == .message("/help"))
    #expect(ChatCommand("/usr/bin/python is what?") == .message("/usr/bin/python is what?"))
  }

  @Test("Mistyped commands are answered, not sent to the model")
  func mistyped() throws {
    let voice = Voice()
    let session = session(voice)
    #expect(ChatCommand("/hepl") == .unknown("/hepl", nearest: "/help"))
    try take(
      session, "/regenrate", "/xyzzy", "/think maybe", "/quit now", "/set temperature", "/set heat 3", "/set top-p 2")
    #expect(voice.asked.isEmpty)
    #expect(screen.notes.count == 7)
    #expect(screen.notes[0].contains("/regenrate") && screen.notes[0].contains("/regenerate?"))
    #expect(screen.notes[1].contains("/xyzzy"))
    #expect(screen.notes[2].contains("/think fold"))
    #expect(screen.notes[5].contains("heat") && screen.notes[5].contains("top-p"))
    #expect(screen.notes[6].contains("at most 1"))
    #expect(try session.take("/quit") == false)
  }

  @Test("Tab completes commands")
  func completion() {
    #expect(ChatCommand.completions(of: "/re") == ["/reset ", "/regenerate "])
    #expect(ChatCommand.completions(of: "/t") == ["/think "])
    #expect(ChatCommand.completions(of: "re").isEmpty && ChatCommand.completions(of: "/set t").isEmpty)
  }

  @Test("The model is told what was said before, until it is reset; the system message stands in front")
  func memory() throws {
    let voice = Voice()
    let session = session(voice)
    try take(session, "/system Be brief.", "One?", "Two?")
    #expect(
      contents(voice.asked.last)
        == ["system: Be brief.", "user: One?", "assistant: model 1", "user: Two?"])
    try take(session, "/reset", "Three?", "/system off", "Four?")
    #expect(contents(voice.asked[2]) == ["system: Be brief.", "user: Three?"])
    #expect(contents(voice.asked[3]) == ["user: Three?", "assistant: model 3", "user: Four?"])
    #expect(screen.text == "model 1\nmodel 2\nmodel 3\nmodel 4\n")
  }

  @Test("/regenerate answers the last question anew, with another seed, in place of the answer before")
  func regenerate() throws {
    let voice = Voice()
    let session = session(voice)
    try take(session, "/regenerate", "One?", "/regenerate", "Two?")
    #expect(screen.notes.count == 1, "there was nothing to answer")
    #expect(contents(voice.asked[1]) == ["user: One?"])
    #expect(contents(voice.asked[2]) == ["user: One?", "assistant: model 2", "user: Two?"])
    #expect(voice.samplings.map(\.seed) == [7, 8, 7])
    let free = Voice()
    try take(self.session(free, seed: nil), "One?", "Two?")
    #expect(free.samplings[0].seed != free.samplings[1].seed)
  }

  @Test(
    "Both models answer where that is asked for, each with its own answers before; one question is compared at once")
  func comparing() throws {
    let (voice, other) = (Voice("after"), Voice("before"))
    let session = session(voice, other: other)
    try take(session, "One?", "/compare")
    #expect(screen.text == "after 1\nbefore: before 1\n")
    #expect(voice.samplings[0].seed == other.samplings[0].seed)
    try take(session, "/compare on", "Two?")
    #expect(contents(other.asked.last) == ["user: One?", "assistant: before 1", "user: Two?"])
    #expect(contents(voice.asked.last) == ["user: One?", "assistant: after 1", "user: Two?"])
    #expect(screen.text.hasSuffix("after: after 2\nbefore: before 2\n"))
    try take(session, "/compare off", "Three?")
    #expect(other.asked.count == 2)
    try take(self.session(Voice()), "/compare", "/compare on")
    #expect(screen.notes.suffix(2).allSatisfy { $0.contains("--compare-with") })
  }

  @Test("Settings are taken over from the next answer on")
  func settings() throws {
    let voice = Voice()
    let session = session(voice)
    try take(
      session, "/set temperature 0", "/set top_p=0.5", "/set top-k 9", "/set repetition-penalty 1.1",
      "/set max-new-tokens 30", "/set seed 99", "Hi")
    let sampling = try #require(voice.samplings.last)
    #expect([sampling.temperature, sampling.topP, sampling.repetitionPenalty] == [0, 0.5, 1.1])
    #expect(sampling.topK == 9 && sampling.maxNewTokens == 30 && sampling.seed == 99)
    try take(session, "/set top-k off", "/set")
    #expect(screen.notes.last?.contains("top-k off") == true)
    #expect(screen.notes.last?.contains("temperature 0,") == true)
  }

  @Test("Thoughts are shown, folded, or not asked for")
  func thoughts() throws {
    func answer(_ thinking: String) throws -> (text: String, asked: Bool?) {
      screen.text = ""
      let voice = Voice("model", [.reasoning("Hm"), .reasoning(" hm"), .content("Yes"), .content("\u{FFFD}!")])
      try take(session(voice), "/think \(thinking)", "Hi")
      return (screen.text, voice.thinks.last)
    }
    let shown = try answer("on")
    #expect(shown.text == "«Hm»« hm»«\n\n»Yes!\n")
    #expect(shown.asked == true)
    let folded = try answer("fold")
    #expect(!folded.text.contains("Hm") && folded.text.contains("5 characters") && folded.text.hasSuffix("Yes!\n"))
    #expect(folded.asked == true)
    #expect(try answer("off").asked == false)
  }

  @Test("Thoughts are remembered apart from the answer")
  func remembered() throws {
    let voice = Voice("model", [.reasoning("Hm"), .content("Yes")])
    try take(session(voice), "Hi", "And?")
    #expect(voice.asked.last?[1] == ["role": "assistant", "content": "Yes", "reasoning_content": "Hm"])
  }

  @Test("An interrupted answer ends, the conversation goes on with what there is of it; a cut one says so")
  func interruption() throws {
    let voice = Voice("model", [.content("One"), .content(" two"), .content(" three")])
    var left = 2
    let session = session(voice, other: Voice("other"), compares: true) {
      left -= 1
      return left == 0
    }
    try take(session, "Count", "/compare off", "More")
    #expect(screen.text.hasPrefix("model: One two\n"))
    #expect(!screen.text.contains("other"), "the other model is not asked any more")
    #expect(screen.notes.first == "(stopped)")
    #expect(contents(voice.asked.last) == ["user: Count", "assistant: One two", "user: More"])
    voice.isCut = true
    try take(session, "On")
    #expect(screen.notes.last?.contains("200 tokens") == true)
  }

  @Test(
    "Where a conversation outgrows the context, its oldest turns are left out; a question that is too long is refused")
  func context() throws {
    let voice = Voice()
    voice.contextLength = 300
    let session = session(voice)
    let long = String(repeating: "a", count: 120)
    try take(session, long, "b" + long, "c" + long)
    #expect(contents(voice.asked.last).count == 1)
    #expect(contents(voice.asked.last)[0].hasPrefix("user: c"))
    #expect(screen.notes.last?.contains("2 turns") == true)
    #expect(voice.samplings.last?.maxNewTokens == 179)
    let count = voice.samplings.count
    try take(session, String(repeating: "d", count: 280))
    #expect(voice.samplings.count == count)
    #expect(screen.notes.last?.contains("300 tokens") == true)
  }
}
