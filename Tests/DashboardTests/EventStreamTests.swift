import Foundation
import Hummingbird
import Synchronization
import Testing
import Web

@Suite("Server-sent events")
struct EventStreamTests {
  @Test("A message of several lines, of any kind of line end, keeps them")
  func lines() {
    #expect(ServerSentEvent("a").text == "data: a\n\n")
    #expect(ServerSentEvent("a\nb\r\nc\rd", name: "part").text == "event: part\ndata: a\ndata: b\ndata: c\ndata: d\n\n")
    #expect(ServerSentEvent("", name: "x\ny").text == "event: x y\ndata: \n\n")
  }

  @Test("A stream sends its events, comments while there are none, and ends with them")
  func streams() async throws {
    // The second event comes when a comment has been read.
    let (comments, seen) = AsyncStream<Void>.makeStream()
    try await withServer { routes in
      routes.get("/events") { request, _ in
        let events = AsyncStream<ServerSentEvent> { queue in
          queue.yield(ServerSentEvent("one"))
          Task {
            for await _ in comments { break }
            queue.yield(ServerSentEvent("two"))
            queue.finish()
          }
        }
        return Response.events(events, answering: request, heartbeat: .milliseconds(30))
      }
    } body: { server async throws in
      let connection = try Connection(port: server.port)
      try connection.send("GET /events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
      var answer = await connection.read(until: ": still here")
      seen.yield()
      answer += await connection.read()
      #expect(answer.lowercased().contains("content-type: text/event-stream"))
      let one = try #require(answer.range(of: "data: one\n\n"))
      let two = try #require(answer.range(of: "data: two\n\n"))
      #expect(answer[one.upperBound..<two.lowerBound].contains(": still here"))
    }
  }

  @Test("A reader who leaves ends the making of events")
  func leaving() async throws {
    let ended = Ended()
    try await withServer { routes in
      routes.get("/events") { request, _ in
        let events = AsyncStream<ServerSentEvent> { queue in
          queue.onTermination = { _ in ended.set() }
          queue.yield(ServerSentEvent("first"))
        }
        return Response.events(events, answering: request, heartbeat: .seconds(3600))
      }
    } body: { server async throws in
      do {
        let connection = try Connection(port: server.port)
        try connection.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        #expect(await connection.read(until: "data: first").contains("data: first"))
        #expect(!ended.isSet)
      }
      try await ended.wait()
    }
  }

  @Test("A server that stops ends its streams")
  func stopping() async throws {
    let ended = Ended()
    try await withServer { routes in
      routes.get("/events") { request, _ in
        let events = AsyncStream<ServerSentEvent> { queue in
          queue.onTermination = { _ in ended.set() }
          queue.yield(ServerSentEvent("first"))
        }
        return Response.events(events, answering: request, heartbeat: .seconds(3600))
      }
    } body: { server async throws in
      let connection = try Connection(port: server.port)
      try connection.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
      _ = await connection.read(until: "data: first")
    }
    try await ended.wait()
  }

  private final class Ended: Sendable {
    private let state = Mutex(false)
    var isSet: Bool { state.withLock(\.self) }
    func set() { state.withLock { $0 = true } }
    func wait() async throws {
      for _ in 0..<100_000 where !isSet { try await Task.sleep(for: .milliseconds(5)) }
      #expect(isSet)
    }
  }
}
