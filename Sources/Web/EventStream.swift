import HTTPTypes
import Hummingbird
import ServiceLifecycle

extension Response {
  /// An answer that goes on as long as there are events and somebody reads them: `text/event-stream`.
  ///
  /// It ends when the events do, when the reader leaves, and when the server stops; in the last two cases the task that makes
  /// the events is cancelled. The next event is asked for only when the one before is on its way, so a slow reader slows its
  /// own stream and takes no memory.
  ///
  /// - Parameters:
  ///   - events: an error that they throw ends the stream
  ///   - request: the request, whose body is not read any more
  ///   - heartbeat: the pause after which a silent stream sends a comment
  public static func events<Events: AsyncSequence & Sendable>(
    _ events: Events, answering request: Request, heartbeat: Duration = .seconds(10)
  ) -> Response where Events.Element == ServerSentEvent {
    Response(
      status: .ok,
      headers: [
        .contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-store", .xAccelBuffering: "no",
      ],
      body: ResponseBody { writer in
        let pieces = Pieces(of: events, heartbeat: heartbeat)
        try? await request.body.consumeWithCancellationOnInboundClose { _ in
          try await pieces.run { text in try await writer.write(ByteBuffer(string: text)) }
        }
        try await writer.finish(nil)
      })
  }
}

extension HTTPField.Name {
  /// Tells nginx, which people put before such servers, to pass on every piece at once.
  fileprivate static var xAccelBuffering: HTTPField.Name { HTTPField.Name("X-Accel-Buffering") ?? .cacheControl }
}

/// The texts of events, and heartbeats among them.
private struct Pieces<Events: AsyncSequence & Sendable>: Sendable where Events.Element == ServerSentEvent {
  private enum Piece: Sendable {
    case event(String)
    case heartbeat
  }

  let events: Events
  let heartbeat: Duration

  init(of events: Events, heartbeat: Duration) { (self.events, self.heartbeat) = (events, heartbeat) }

  /// Hands over one piece after the other until there are no more, or the server stops.
  func run(_ write: (String) async throws -> Void) async throws {
    let (pieces, queue) = AsyncStream<Piece>.makeStream()
    let (written, acknowledgement) = AsyncStream<Void>.makeStream()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        defer { queue.finish() }
        var acknowledgements = written.makeAsyncIterator()
        for try await event in events {
          queue.yield(.event(event.text))
          guard await acknowledgements.next() != nil else { return }
        }
      }
      group.addTask {
        while !Task.isCancelled {
          try await Task.sleep(for: heartbeat)
          queue.yield(.heartbeat)
        }
      }
      group.addTask {
        try await gracefulShutdown()
        queue.finish()
      }
      defer {
        acknowledgement.finish()
        group.cancelAll()
      }
      for await piece in pieces {
        try Task.checkCancellation()
        switch piece {
        case .event(let text):
          try await write(text)
          acknowledgement.yield()
        case .heartbeat: try await write(ServerSentEvent.heartbeat)
        }
      }
    }
  }
}
