import OrderedJSON
import Serving
import Testing
import Web

@Suite("OpenAI's API: requests and replies")
struct ProtocolTests {
  private let engine: Engine
  private let parsing: CompletionParsing
  private let answering: CompletionAnswering

  init() throws {
    engine = try tinyEngine(["tiny", "other"], context: 256)
    parsing = CompletionParsing(engine: engine, standard: CompletionStandard())
    answering = CompletionAnswering(engine: engine)
  }

  private func body(_ changes: JSON.Object = [:]) -> JSON.Object {
    var body: JSON.Object = [
      "model": "tiny", "messages": [["role": "user", "content": "Why?"]], "max_tokens": 12, "seed": 3,
    ]
    for (name, value) in changes { body[name] = value }
    return body
  }

  private func job(_ body: JSON.Object) throws -> CompletionJob {
    try parsing.chat(Array(JSON.object(body).serialized().utf8))
  }

  /// The chunks of a streamed reply, without the last event, which must be `[DONE]`.
  private func chunks(_ job: CompletionJob) async throws -> [JSON] {
    var events: [ServerSentEvent] = []
    for await event in try answering.stream(job) { events.append(event) }
    #expect(events.last?.data == "[DONE]")
    return try events.dropLast().map { try JSON(parsing: $0.data) }
  }

  @Test("A reply has OpenAI's members, and its usage counts the tokens of prompt and answer")
  func reply() async throws {
    let job = try job(body())
    let reply = try await answering.whole(job)
    #expect(reply["object"] == "chat.completion")
    #expect(reply["id"]?.string?.hasPrefix("chatcmpl-") == true)
    #expect(reply["model"] == "tiny")
    #expect(reply["created"]?.int ?? 0 > 1_700_000_000)
    #expect(reply["choices"]?.array?.count == 1)
    let choice = try #require(reply["choices"]?[0])
    #expect(choice["index"] == 0)
    #expect(choice["finish_reason"] == "length")
    #expect(choice["message"]?["role"] == "assistant")
    #expect(choice["message"]?["content"]?.string?.isEmpty == false)
    let usage = try #require(reply["usage"])
    #expect(usage["completion_tokens"] == 12)
    #expect(usage["prompt_tokens"] == .integer(job.request.prompt.tokens.count))
    #expect(usage["total_tokens"] == .integer(job.request.prompt.tokens.count + 12))
  }

  @Test("A streamed reply has the same text in pieces, a reason at its end, and usage where asked for")
  func streaming() async throws {
    let whole = try await answering.whole(job(body(["n": 2])))
    let plain = try await chunks(job(body(["n": 2, "stream": true])))
    for index in 0..<2 {
      let own = plain.compactMap { $0["choices"]?[0] }.filter { $0["index"] == .integer(index) }
      #expect(own.first?["delta"]?["role"] == "assistant")
      #expect(
        own.compactMap { $0["delta"]?["content"]?.string }.joined()
          == whole["choices"]?[index]?["message"]?["content"]?.string)
      #expect(own.last?["finish_reason"] == "length")
      #expect(own.dropLast().allSatisfy { $0["finish_reason"] == .null })
    }
    #expect(Set(plain.map { $0["id"] }).count == 1)
    #expect(plain.allSatisfy { $0["object"] == "chat.completion.chunk" && $0["usage"] == nil })
    let counted = try await chunks(job(body(["stream": true, "stream_options": ["include_usage": true]])))
    #expect(counted.last?["choices"] == [])
    #expect(counted.last?["usage"]?["completion_tokens"] == 12)
  }

  @Test("The same seed gives the same answer, another one another, and none a new one each time")
  func seeds() async throws {
    func text(_ seed: JSON) async throws -> String {
      try await answering.whole(job(body(["seed": seed, "temperature": 1.5])))["choices"]?[0]?["message"]?["content"]?
        .string ?? ""
    }
    #expect(try await text(5) == text(5))
    #expect(try await text(5) != text(6))
    #expect(try await text(.null) != text(.null))
    #expect(try job(body(["seed": -1])).request.options.seed == .max)
  }

  @Test("Fields are taken over; what the request leaves open is what the server was told")
  func fields() throws {
    var standard = CompletionStandard()
    (standard.options.temperature, standard.options.topP, standard.options.maxNewTokens) = (0.3, 0.4, 50)
    let parsing = CompletionParsing(engine: engine, standard: standard)
    func request(_ changes: JSON.Object) throws -> GenerationRequest {
      var body: JSON.Object = ["model": "other", "messages": [["role": "user", "content": "Why?"]]]
      for (name, value) in changes { body[name] = value }
      return try parsing.chat(Array(JSON.object(body).serialized().utf8)).request
    }
    let open = try request(["temperature": .null, "user": "somebody", "stop": .null])
    #expect(open.model == "other")
    #expect([open.options.temperature, open.options.topP] == [0.3, 0.4])
    #expect(open.options.maxNewTokens == 50)
    let given = try request([
      "temperature": 1, "top_p": 0.5, "top_k": 7, "repetition_penalty": 1.2, "max_tokens": 9,
      "max_completion_tokens": 8, "stop": ["a", "b"], "n": 3,
    ])
    #expect(given.options.temperature == 1)
    #expect(given.options.topP == 0.5)
    #expect(given.options.topK == 7)
    #expect(given.options.repetitionPenalty == 1.2)
    #expect(given.options.maxNewTokens == 8)
    #expect(given.stops == ["a", "b"])
    #expect(given.choices == 3)
    #expect(try request(["stop": "x"]).stops == ["x"])
    #expect(try request(["top_k": -1]).options.topK == nil)
    // Longer than the context is as long as it allows.
    let long = try request(["max_tokens": 5000])
    #expect(long.prompt.tokens.count + long.options.maxNewTokens == 256)
  }

  @Test("Messages in OpenAI's forms are those of the template: parts, developer, no content beside calls")
  func messages() throws {
    func prompt(_ messages: JSON) throws -> [Int32] { try job(body(["messages": messages])).request.prompt.tokens }
    let plain = try prompt([["role": "system", "content": "Be kind."], ["role": "user", "content": "Hi you"]])
    #expect(
      plain
        == (try prompt([
          ["role": "developer", "content": "Be kind."],
          ["role": "user", "content": [["type": "text", "text": "Hi "], ["type": "text", "text": "you"]]],
        ])))
    let called: JSON = [
      ["role": "user", "content": "Hi"],
      ["role": "assistant", "content": .null, "tool_calls": [["function": ["name": "f", "arguments": "{}"]]]],
      ["role": "tool", "content": "4", "tool_call_id": "x"],
    ]
    #expect(try !prompt(called).isEmpty)
  }

  @Test(
    "A field that cannot be is refused with 400 and named",
    arguments: [
      ("model", .null), ("model", 3), ("messages", []), ("messages", "Hi"), ("messages[0]", ["Hi"]),
      ("messages[0].role", [["role": "boss", "content": "Hi"]]), ("messages[0].content", [["role": "user"]]),
      ("messages[0].content", [["role": "user", "content": [["type": "image_url"]]]]), ("temperature", "hot"),
      ("temperature", 2.5), ("top_p", -0.1), ("n", 0), ("n", 1.5), ("max_tokens", 0), ("max_completion_tokens", "9"),
      ("stop", ""), ("stop", [1]), ("seed", "x"), ("stream", "yes"), ("stream_options", ["include_usage": true]),
      ("presence_penalty", 1), ("logprobs", true), ("tool_choice", "required"), ("tools", [["type": "function"]]),
      ("response_format", ["type": "json_object"]),
    ] as [(String, JSON)])
  func badFields(field: String, value: JSON) throws {
    let name = String(field.prefix { $0 != "[" })
    let error = try #require(throws: APIError.self) { _ = try job(body([name: value])) }
    #expect(error.status == 400)
    let named = name == "tools" ? "tools[0]" : field
    #expect(error.field == named)
    #expect(error.json["error"]?["param"] == .string(named))
    #expect(error.json["error"]?["type"] == "invalid_request_error")
    #expect(error.message.contains(named))
  }

  @Test("A body that is no JSON object: 400; an unknown model: 404 with those that are served")
  func bodies() throws {
    for text in ["", "{", "[]", "3"] {
      let error = try #require(throws: APIError.self) { _ = try parsing.chat(Array(text.utf8)) }
      #expect(error.status == 400)
    }
    let error = try #require(throws: APIError.self) { _ = try job(body(["model": "gpt-4"])) }
    #expect(error.status == 404)
    #expect(error.code == "model_not_found")
    #expect(error.message.contains("'gpt-4'") && error.message.contains("tiny, other"))
  }

  @Test("A prompt that fills the context is refused with both numbers")
  func context() throws {
    let long = String(repeating: "why not? ", count: 200)
    let error = try #require(throws: APIError.self) {
      _ = try job(body(["messages": [["role": "user", "content": .string(long)]]]))
    }
    #expect(error.status == 400)
    #expect(error.code == "context_length_exceeded")
    #expect(error.message.contains("256"))
  }

  @Test("/v1/completions continues a text as it stands")
  func plain() async throws {
    let body: JSON = ["model": "tiny", "prompt": "Once upon", "max_tokens": 8, "seed": 1]
    let reply = try await answering.whole(parsing.plain(Array(body.serialized().utf8)))
    #expect(reply["object"] == "text_completion")
    #expect(reply["choices"]?[0]?["text"]?.string?.isEmpty == false)
    #expect(reply["choices"]?[0]?["message"] == nil)
    let listed: JSON = ["model": "tiny", "prompt": ["Once upon"], "max_tokens": 8, "seed": 1]
    #expect(
      try await answering.whole(parsing.plain(Array(listed.serialized().utf8)))["choices"] == reply["choices"])
    for prompt in ["", 3, ["a", "b"], .null] as [JSON] {
      let bad: JSON = ["model": "tiny", "prompt": prompt]
      let error = try #require(throws: APIError.self) { _ = try parsing.plain(Array(bad.serialized().utf8)) }
      #expect(error.field == "prompt")
    }
  }
}
