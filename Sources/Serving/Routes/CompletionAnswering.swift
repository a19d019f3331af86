import OrderedJSON
import Web

/// A request that has been understood, ready to be answered.
package struct CompletionJob: Sendable {
  package let request: GenerationRequest
  let head: ReplyHead
  package let streams: Bool
  let includesUsage: Bool
}

/// Turns what an engine says into what a client reads.
package struct CompletionAnswering: Sendable {
  let engine: Engine

  package init(engine: Engine) { self.engine = engine }

  /// Begins to answer.
  ///
  /// - Throws: `APIError` where too much waits already.
  private func begin(_ job: CompletionJob) throws(APIError) -> AsyncStream<AnswerEvent> {
    do {
      return try engine.answers(to: job.request)
    } catch {
      throw APIError(error, served: engine.models.map(\.name))
    }
  }

  /// The whole reply, when all its answers are complete.
  ///
  /// - Throws: `APIError` where an answer failed; `CancellationError` where the task was cancelled.
  package func whole(_ job: CompletionJob) async throws -> JSON {
    var answers = [CollectedAnswer](repeating: CollectedAnswer(), count: job.request.choices)
    var usage = Usage(prompt: job.request.prompt.tokens.count)
    for await event in try begin(job) {
      switch event.kind {
      case .part(let part): answers[event.choice].add(part)
      case .end(let finish, let tokens):
        answers[event.choice].finish = finish
        usage.completion += tokens
      case .failed(let reason): throw APIError(status: 500, reason, code: "generation_failed")
      }
    }
    try Task.checkCancellation()
    let choices = answers.enumerated().map { $1.json(index: $0, isChat: job.head.isChat) }
    var reply = job.head.object(isChunk: false, choices: choices)
    reply["usage"] = usage.json
    return .object(reply)
  }

  /// The reply in pieces as they come; the last event is `[DONE]`.
  ///
  /// - Throws: `APIError` where too much waits already.
  package func stream(_ job: CompletionJob) throws(APIError) -> CompletionStream {
    CompletionStream(job: job, events: try begin(job))
  }
}

/// The events of a streamed reply. Where its reader's task is cancelled, the answers end.
package struct CompletionStream: AsyncSequence, Sendable {
  let job: CompletionJob
  let events: AsyncStream<AnswerEvent>

  package func makeAsyncIterator() -> Iterator { Iterator(job: job, events: events.makeAsyncIterator()) }

  package struct Iterator: AsyncIteratorProtocol {
    private let job: CompletionJob
    private var events: AsyncStream<AnswerEvent>.Iterator
    private var chunks: ChunkMaker
    private var usage: Usage
    /// What is to be sent before anything else happens.
    private var due: [String]
    private var isOver = false

    init(job: CompletionJob, events: AsyncStream<AnswerEvent>.Iterator) {
      (self.job, self.events) = (job, events)
      let chunks = ChunkMaker(job.head)
      self.chunks = chunks
      usage = Usage(prompt: job.request.prompt.tokens.count)
      due = (0..<job.request.choices).compactMap { chunks.opening(of: $0)?.serialized() }
    }

    package mutating func next() async -> ServerSentEvent? {
      while due.isEmpty {
        guard !isOver else { return nil }
        take(await events.next())
      }
      return ServerSentEvent(due.removeFirst())
    }

    private mutating func take(_ event: AnswerEvent?) {
      switch event?.kind {
      case .part(let part): due.append(chunks.chunk(event?.choice ?? 0, part).serialized())
      case .end(let finish, let tokens):
        usage.completion += tokens
        due.append(chunks.end(of: event?.choice ?? 0, finish).serialized())
      case .failed(let reason):
        due.append(APIError(status: 500, reason, code: "generation_failed").json.serialized())
        isOver = true
      case nil:
        isOver = true
        // The events also end where the reader has gone.
        guard !Task.isCancelled else { return }
        if job.includesUsage { due.append(chunks.usage(usage).serialized()) }
        due.append("[DONE]")
      }
    }
  }
}
