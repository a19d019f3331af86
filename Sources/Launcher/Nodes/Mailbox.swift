import Foundation
import Synchronization

/// What the agent's thread and the thread that talks to the other nodes share.
final class Mailbox: Sendable {
  /// What the agent wants.
  enum Request: Sendable {
    case begin(attempt: Int)
    case failure(WorkerFailure)
    case signal(Int32)
    case conclude(NodeReport)
    case leave(because: String?)
  }

  private struct Contents {
    var requests: [Request] = []
    var news: [CoordinationNews] = []
    var lastAnswer: ContinuousClock.Instant?
    var connectingSince: ContinuousClock.Instant?
    var isClosed = false
  }

  private let contents = Mutex(Contents())
  /// Wakes the agent; a pipe as signals have it.
  private let bell = SignalInbox()

  var wakeDescriptor: Int32 { bell.descriptor }

  // MARK: The agent's side

  func ask(_ request: Request) { contents.withLock { $0.requests.append(request) } }

  func takeNews() -> [CoordinationNews] {
    while bell.next() != nil {}
    return contents.withLock { contents in
      defer { contents.news = [] }
      return contents.news
    }
  }

  /// When the store last answered; nil before it did.
  var lastAnswer: ContinuousClock.Instant? { contents.withLock(\.lastAnswer) }
  /// Since when the other side has waited for a first answer from the endpoint; nil while it does not.
  var connectingSince: ContinuousClock.Instant? { contents.withLock(\.connectingSince) }
  var isClosed: Bool { contents.withLock(\.isClosed) }

  // MARK: The other side

  func takeRequests() -> [Request] {
    contents.withLock { contents in
      defer { contents.requests = [] }
      return contents.requests
    }
  }

  func post(_ news: CoordinationNews) {
    contents.withLock { $0.news.append(news) }
    bell.post(1)
  }

  func connects(_ begins: Bool) { contents.withLock { $0.connectingSince = begins ? .now : nil } }

  func answered() {
    contents.withLock { contents in
      contents.lastAnswer = .now
      contents.connectingSince = nil
    }
  }

  func close() { contents.withLock { $0.isClosed = true } }
}
