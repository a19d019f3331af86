import Foundation
import Glibc
import OrderedJSON
import Serving
import Testing
import Web

@Suite("OpenAI's API over HTTP", .serialized)
struct RoutesTests {
  @Test("Models, health, a whole and a streamed reply, errors with their status, unknown paths")
  func paths() async throws {
    let engine = try tinyEngine(["one", "two"])
    try await withServer(engine) { port in
      let models = try await ask(port, "GET", "/v1/models")
      #expect(models.status == 200)
      #expect(try models.json()["data"]?.array?.map { $0["id"] } == ["one", "two"])
      #expect(try await ask(port, "GET", "/v1/models/two").json()["id"] == "two")
      #expect(try await ask(port, "GET", "/v1/models/three").status == 404)
      #expect(try await ask(port, "GET", "/health").json() == ["status": "ok", "running": 0, "waiting": 0])
      #expect(try await ask(port, "GET", "/").body.contains("one and two"))
      #expect(try await ask(port, "GET", "/v1/nothing").status == 404)
      let whole = try await ask(port, "POST", "/v1/chat/completions", Self.body())
      #expect(whole.status == 200)
      #expect(try whole.json()["choices"]?[0]?["finish_reason"] == "length")
      let streamed = try await ask(port, "POST", "/v1/chat/completions", Self.body(["stream": true]))
      #expect(streamed.head.lowercased().contains("content-type: text/event-stream"))
      #expect(streamed.body.contains("data: [DONE]\n\n"))
      for (changes, status) in [
        (["model": "three"], 404), (["temperature": 3], 400), (["stream": true, "messages": []], 400),
      ] as [(JSON.Object, Int)] {
        let answer = try await ask(port, "POST", "/v1/chat/completions", Self.body(changes))
        #expect(answer.status == status)
        #expect(try answer.json()["error"]?["message"]?.string?.isEmpty == false)
      }
      #expect(
        try await ask(port, "POST", "/v1/completions", #"{"model": "one", "prompt": "Hi", "max_tokens": 3}"#).status
          == 200)
      #expect(try await ask(port, "POST", "/v1/chat/completions", "{").status == 400)
    }
  }

  @Test(
    "Whoever leaves gives up the answer, whether it is streamed or whole; the server goes on", arguments: [true, false])
  func leaving(streams: Bool) async throws {
    // Answers that would take very long.
    let engine = try tinyEngine(["one"], context: 1_000_000)
    try await withServer(engine) { port in
      let connections = try (0..<3).map { _ in
        try Connection(
          port, "POST", "/v1/chat/completions", Self.body(["stream": .bool(streams), "max_tokens": 900_000]))
      }
      while engine.load.running < 3 { try await Task.sleep(for: .milliseconds(5)) }
      for connection in connections { connection.close() }
      while engine.load.running > 0 { try await Task.sleep(for: .milliseconds(5)) }
      #expect(try await ask(port, "POST", "/v1/chat/completions", Self.body()).status == 200)
    }
  }

  @Test("A server that stops ends its answers at once")
  func stopping() async throws {
    let engine = try tinyEngine(["one"], context: 1_000_000)
    var connection: Connection?
    connection = try await withServer(engine) { port in
      let connection = try Connection(
        port, "POST", "/v1/chat/completions", Self.body(["max_tokens": 900_000]))
      while engine.load.running < 1 { try await Task.sleep(for: .milliseconds(5)) }
      return connection
    }
    #expect(engine.load.running == 0 || connection != nil)
    #expect(throws: EngineError.stopping) { try engine.answers(to: engine.request("Hi", model: "one")) }
  }

  // MARK: - A server and its client

  private static func body(_ changes: JSON.Object = [:]) -> String {
    var body: JSON.Object = [
      "model": "one", "messages": [["role": "user", "content": "Why?"]], "max_tokens": 6, "seed": 3,
    ]
    for (name, value) in changes { body[name] = value }
    return JSON.object(body).serialized()
  }

  /// Serves at any free port while the body runs.
  private func withServer<Result: Sendable>(
    _ engine: Engine, body: @Sendable (_ port: UInt16) async throws -> Result
  ) async throws -> Result {
    let server = WebServer(ListeningAddress(port: 0)) { routes in
      CompletionRoutes(engine, standard: CompletionStandard()).add(to: routes)
    }
    let (urls, found) = AsyncStream<String>.makeStream()
    let running = Task {
      defer { found.finish() }
      try await server.run(endsAtSignals: false) { found.yield($0) }
      engine.stop()
    }
    var waiting = urls.makeAsyncIterator()
    let url = try #require(await waiting.next())
    let port = try #require(URL(string: url)?.port)
    do {
      let result = try await body(UInt16(port))
      running.cancel()
      try await running.value
      return result
    } catch {
      running.cancel()
      throw error
    }
  }

  private struct Reply {
    let head: String
    let body: String
    var status: Int? { head.split(separator: " ").dropFirst().first.flatMap { Int($0) } }
    func json() throws -> JSON { try JSON(parsing: body) }
  }

  private func ask(_ port: UInt16, _ method: String, _ path: String, _ body: String = "") async throws -> Reply {
    let connection = try Connection(port, method, path, body)
    // Not on a thread that the server needs.
    let text = await withCheckedContinuation { done in
      Thread.detachNewThread { done.resume(returning: connection.read()) }
    }
    let parts = text.components(separatedBy: "\r\n\r\n")
    let rest = parts.dropFirst().joined(separator: "\r\n\r\n")
    let isChunked = parts[0].lowercased().contains("transfer-encoding: chunked")
    return Reply(head: parts[0], body: isChunked ? Self.joinedChunks(rest) : rest)
  }

  private static func joinedChunks(_ text: String) -> String {
    var (bytes, rest) = ([UInt8](), Array(text.utf8)[...])
    while let end = rest.firstIndex(of: 0x0D), let size = Int(String(decoding: rest[..<end], as: UTF8.self), radix: 16),
      size > 0
    {
      let start = end + 2
      bytes += rest[start..<start + size]
      rest = rest[(start + size + 2)...]
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// A request on its way.
  private final class Connection: @unchecked Sendable {
    private var descriptor: Int32

    init(_ port: UInt16, _ method: String, _ path: String, _ body: String) throws {
      descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      let failed = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      try #require(failed == 0)
      let head = ["\(method) \(path) HTTP/1.1", "Host: 127.0.0.1:\(port)", "Connection: close"]
      let length = body.isEmpty ? [] : ["Content-Length: \(body.utf8.count)"]
      let bytes = Array(((head + length).joined(separator: "\r\n") + "\r\n\r\n" + body).utf8)
      try #require(send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
    }

    deinit { close() }

    /// All that comes until the server closes the connection.
    func read() -> String {
      var (all, piece) = ([UInt8](), [UInt8](repeating: 0, count: 65536))
      while true {
        let count = recv(descriptor, &piece, piece.count, 0)
        // The end of another test's child may interrupt the wait.
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return String(decoding: all, as: UTF8.self) }
        all += piece[..<count]
      }
    }

    func close() {
      if descriptor >= 0 { Glibc.close(descriptor) }
      descriptor = -1
    }
  }
}
