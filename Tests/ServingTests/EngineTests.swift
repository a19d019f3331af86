import MiniMind
import OrderedJSON
import Serving
import Testing

@Suite("The engine: answers that are made side by side")
struct EngineTests {
  private static let questions = (0..<24).map { number in
    "Question \(number): " + String(repeating: number % 2 == 0 ? "why? " : "为什么？", count: 1 + number % 7)
  }

  @Test("An answer is the same alone and beside others that come, end and leave meanwhile")
  func independence() async throws {
    let engine = try tinyEngine()
    func request(_ number: Int) throws -> GenerationRequest {
      var request = try engine.request(
        Self.questions[number], seed: UInt64(number), tokens: 8 + 5 * (number % 6),
        temperature: number % 3 == 0 ? 0 : 0.8)
      if number % 4 == 1 { request.options.topP = 0.7 }
      return request
    }
    var alone: [[Answer]] = []
    for number in Self.questions.indices { alone.append(try await engine.collect(request(number))) }
    #expect(Set(alone.map { $0[0].text }).count > 16, "the answers must differ for this to mean anything")
    let expected = alone
    try await withThrowingTaskGroup(of: Void.self) { group in
      for round in 0..<3 {
        for number in Self.questions.indices {
          group.addTask {
            // Some are given up in the middle.
            if (number + round) % 5 == 0 {
              for await _ in try engine.answers(to: request(number)) { break }
            }
            #expect(try await engine.collect(request(number)) == expected[number])
          }
        }
      }
      try await group.waitForAll()
    }
  }

  @Test("Several answers to a prompt differ, and each is what it is when fewer are asked for")
  func choices() async throws {
    let engine = try tinyEngine()
    var request = try engine.request("Why?", tokens: 16)
    request.choices = 5
    let five = try await engine.collect(request)
    #expect(Set(five).count == 5)
    request.choices = 2
    #expect(try await engine.collect(request) == Array(five.prefix(2)))
  }

  @Test("Each model answers for itself")
  func models() async throws {
    let engine = try tinyEngine(["before", "after"])
    #expect(engine.models.map(\.name) == ["before", "after"])
    let before = try await engine.collect(engine.request("Why?", model: "before"))
    let after = try await engine.collect(engine.request("Why?", model: "after"))
    #expect(before != after)
    async let one = engine.collect(engine.request("Why?", model: "before"))
    async let other = engine.collect(engine.request("Why?", model: "after"))
    #expect(try await one == before)
    #expect(try await other == after)
    #expect(throws: EngineError.unknownModel("none")) { try engine.model("none") }
  }

  @Test("An answer stops before the first of the texts it is to stop at, wherever tokens end")
  func stops() async throws {
    let engine = try tinyEngine()
    var request = try engine.request("Why?", tokens: 40)
    let whole = try await engine.collect(request)[0]
    #expect(whole.finish == .length)
    #expect(whole.tokens == 40)
    let scalars = Array(whole.text.unicodeScalars)
    for (start, length) in [(3, 1), (9, 4), (20, 9)] {
      var stop = ""
      stop.unicodeScalars.append(contentsOf: scalars[start..<start + length])
      request.stops = [stop, "never said"]
      let stopped = try await engine.collect(request)[0]
      #expect(stopped.finish == .stop)
      let place = try #require(whole.text.unicodeScalars.firstRange(of: stop.unicodeScalars)).lowerBound
      #expect(stopped.text == String(whole.text.unicodeScalars[..<place]))
      #expect(stopped.tokens < 40)
    }
  }

  @Test("More requests than may wait are refused; places are free again when some are given up")
  func queue() async throws {
    var limits = EngineLimits()
    (limits.rows, limits.waiting) = (2, 3)
    let engine = try tinyEngine(limits: limits)
    // Two that run and three that wait; they begin in the course of time.
    var streams: [AsyncStream<AnswerEvent>] = []
    let long = try engine.request("Why?", tokens: 400)
    var refusal: EngineError?
    while refusal == nil, streams.count < 6 {
      do { streams.append(try engine.answers(to: long)) } catch { refusal = error }
    }
    #expect(streams.count >= 3 && streams.count <= 5)
    if case .full = refusal {} else { Issue.record("expected a refusal, found \(String(describing: refusal))") }
    var many = long
    many.choices = 4
    #expect(throws: EngineError.self) { try engine.answers(to: many) }
    streams = []
    // Those given up make room, sooner or later.
    let short = try engine.request("Why?", tokens: 4)
    while true {
      do {
        #expect(try await engine.collect(short)[0].tokens <= 4)
        break
      } catch EngineError.full {
        try await Task.sleep(for: .milliseconds(5))
      }
    }
  }

  @Test("With memory for few tokens, answers wait for each other, and are the same")
  func memory() async throws {
    let roomy = try tinyEngine()
    var limits = EngineLimits()
    limits.cacheBytes = 1 << 16
    let tight = try tinyEngine(limits: limits)
    let expected = try await roomy.collect(roomy.request("Why?", tokens: 60))
    try await withThrowingTaskGroup(of: [Answer].self) { group in
      for _ in 0..<6 { group.addTask { try await tight.collect(tight.request("Why?", tokens: 60)) } }
      for try await answer in group { #expect(answer == expected) }
    }
  }

  @Test("An engine that is stopped ends its answers and takes no more; loading errors are thrown")
  func stopping() async throws {
    let engine = try tinyEngine()
    let stream = try engine.answers(to: engine.request("Why?", tokens: 480))
    engine.stop()
    var last: AnswerEvent?
    for await event in stream { last = event }
    #expect(last?.kind == .failed("the server is stopping"))
    let request = try engine.request("Why?")
    #expect(throws: EngineError.stopping) { try engine.answers(to: request) }
    #expect(throws: NoModel.self) { try Engine { throw NoModel() } }
  }

  private struct NoModel: Error {}
}
