import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("serve: models behind OpenAI's API")
struct ServeTests {
  let workspace: Workspace

  init() throws { workspace = try Workspace() }

  /// A Python with the `openai` package.
  static let python: String? = {
    guard let path = ProcessInfo.processInfo.environment["MINIMIND_REFERENCE_PYTHON"] else { return nil }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = ["-c", "import openai"]
    (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
    guard (try? process.run()) != nil else { return nil }
    process.waitUntilExit()
    return process.terminationStatus == 0 ? path : nil
  }()

  @Test(
    "PyPI's openai client streams a conversation, calls a tool, compares two models, and 32 requests at once get their own answers",
    .enabled(if: python != nil, "needs MINIMIND_REFERENCE_PYTHON, a Python with openai"))
  func openAIClient() async throws {
    try await TinyModel.make(in: workspace)
    // A model that knows one answer by heart.
    let call = "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>"
    let learned = Pairs.message("assistant", .string(call))
    let text: JSON = ["messages": [Pairs.message("user", "How is the weather in Paris?"), learned]]
    try workspace.write(Array(repeating: text, count: 4), to: "call.jsonl")
    try await Program.succeed(
      [
        "sft", "--model", Checkout.demo, "--train-data", "call.jsonl", "--output-dir", "caller", "--max-steps", "60",
        "--learning-rate", "2e-3",
      ], in: workspace)
    let script = Checkout.root.appendingPathComponent("Tools/reference/serving_client.py").path
    let python = Self.python ?? ""
    let folder = workspace
    let served = try await server(
      ["--model", "before=model", "--model", "after=" + Checkout.demo, "--model", "caller"]
    ) { port in
      try await Program.run(
        [script, "http://127.0.0.1:\(port)/v1", "--caller", "caller"], in: folder, timeout: .seconds(300),
        program: URL(fileURLWithPath: python))
    }
    try #require(served.code == 0, "\(served.messages)")
    let found = try JSON(parsing: served.output)
    #expect(found["models"] == ["before", "after", "caller"])
    for model in ["before", "after"] {
      let conversation = try #require(found["conversations"]?[model])
      #expect(conversation["streamed"] == conversation["whole"])
      #expect(conversation["whole"]?.string?.isEmpty == false)
      #expect(conversation["pieces"]?.int ?? 0 > 4)
      #expect(conversation["finish_reasons"]?[0] == conversation["finish_reasons"]?[1])
      #expect(conversation["usage"]?[0] == conversation["usage"]?[1])
    }
    #expect(found["conversations"]?["after"]?["first"]?.string?.contains("Poland") == true)
    #expect(found["conversations"]?["before"] != found["conversations"]?["after"])
    #expect(
      found["errors"] == [
        "unknown": ["NotFoundError", 404, "model_not_found", "model"],
        "field": ["BadRequestError", 400, "invalid_value", "temperature"],
        "long": ["BadRequestError", 400, "context_length_exceeded", "messages"],
      ])
    #expect(found["together"] == ["count": 32, "different": 32, "same_alone": true])
    #expect(found["completion"]?.string?.isEmpty == false)
    let arguments: JSON = ["city": "Paris"]
    #expect(
      found["tool_call"]?["whole"]
        == ["name": "get_weather", "arguments": arguments, "reason": "tool_calls", "content": .null])
    #expect(
      found["tool_call"]?["streamed"]
        == ["name": "get_weather", "arguments": arguments, "reason": "tool_calls", "has_id": true])
  }

  @Test(
    "It tells where it serves what, answers with an error in OpenAI's form, asks for a token elsewhere, and ends by SIGTERM with 0"
  )
  func http() async throws {
    try await TinyModel.make(in: workspace)
    let answers = try await server(["--model", "model", "--token", "secret"]) { port in
      func status(_ path: String, token: String?) throws -> String {
        let curl = Process()
        curl.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let header = token.map { ["-H", "Authorization: Bearer \($0)"] } ?? []
        curl.arguments = ["curl", "-s", "-w", " %{http_code}"] + header + ["http://127.0.0.1:\(port)\(path)"]
        let pipe = Pipe()
        curl.standardOutput = pipe
        try curl.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        curl.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
      }
      return [
        try status("/v1/models", token: nil), try status("/v1/models", token: "secret"),
        try status("/v1/models/none", token: "secret"), try status("/health", token: "secret"),
      ]
    }
    #expect(answers[0].hasSuffix(" 401"))
    #expect(answers[1].contains(#""id":"model""#) && answers[1].hasSuffix(" 200"))
    #expect(answers[2].contains("model_not_found") && answers[2].hasSuffix(" 404"))
    #expect(answers[3].hasSuffix(" 200"))
  }

  @Test("Two models of one name, a model that is not there, and a port that is taken are said before it serves")
  func refusals() async throws {
    try await TinyModel.make(in: workspace)
    expect(
      try await Program.run("serve", "--model", "model", "--model", "x/model", in: workspace), code: 64,
      says: "two models are called model", "before=x/model")
    expect(try await Program.run("serve", "--model", "a=none", "--port", "0", in: workspace), code: 66, says: "none")
    expect(try await Program.run("serve", in: workspace), code: 64, says: "--model", "out/dpo_*.pth")
    expect(
      try await Program.run("serve", "--model", "model", "--token", "two words", in: workspace), code: 64,
      says: "--token")
    let folder = workspace
    let taken = try await server(["--model", "model"]) { port in
      try await Program.run("serve", "--model", "model", "--port", "\(port)", in: folder)
    }
    expect(taken, code: 69, says: "is taken", "--port")
  }

  /// Runs a server at any free port while the body runs, and ends it.
  private func server<Result: Sendable>(
    _ arguments: [String], body: @escaping @Sendable (_ port: Int) async throws -> Result
  ) async throws -> Result {
    let log = workspace.url.appendingPathComponent("serve-\(UUID().uuidString).log")
    let process = Process()
    process.executableURL = Program.executable
    process.arguments = ["serve", "--port", "0", "--lang", "en"] + arguments
    process.currentDirectoryURL = workspace.url
    process.standardOutput = try FileHandle(appendingTo: log)
    process.standardError = try FileHandle(appendingTo: workspace.url.appendingPathComponent("serve.messages"))
    try process.run()
    defer { if process.isRunning { process.terminate() } }
    var port: Int?
    while port == nil {
      try #require(process.isRunning, "\((try? workspace.text("serve.messages")) ?? "")")
      let said = try String(contentsOf: log, encoding: .utf8)
      if said.hasSuffix("\n"), let start = said.range(of: "http://127.0.0.1:") {
        port = Int(said[start.upperBound...].prefix { $0.isNumber })
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    let result = try await body(try #require(port))
    process.terminate()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return result
  }
}

extension FileHandle {
  /// A file to write to, made where it is missing.
  fileprivate convenience init(appendingTo file: URL) throws {
    let descriptor = open(file.path, O_WRONLY | O_APPEND | O_CREAT, 0o644)
    guard descriptor >= 0 else { throw CocoaError(.fileWriteUnknown) }
    self.init(fileDescriptor: descriptor, closeOnDealloc: true)
  }
}
