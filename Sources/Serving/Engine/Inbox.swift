import Dispatch
import Synchronization

/// What requests leave for the thread that answers them.
final class Inbox: Sendable {
  /// A request on its way.
  struct Submission: Sendable {
    let id: Int
    let request: GenerationRequest
    let answers: AsyncStream<AnswerEvent>.Continuation
  }

  private struct State {
    var arrived: [Submission] = []
    var cancelled: [Int] = []
    /// Answers that have been asked for and not begun.
    var waiting = 0
    var running = 0
    var nextID = 0
    var isClosed = false
  }

  private let state = Mutex(State())
  private let news = DispatchSemaphore(value: 0)
  private let most: Int

  /// - Parameter waiting: the most answers that wait
  init(waiting: Int) { most = waiting }

  /// Leaves a request.
  ///
  /// - Throws: `EngineError` where too many wait, or nobody answers any more.
  func add(
    _ request: GenerationRequest, answers: AsyncStream<AnswerEvent>.Continuation
  ) throws(EngineError) -> Int {
    let result = state.withLock { state -> Result<Int, EngineError> in
      if state.isClosed { return .failure(.stopping) }
      if state.waiting + request.choices > most { return .failure(.full(waiting: state.waiting)) }
      state.waiting += request.choices
      state.nextID += 1
      state.arrived.append(Submission(id: state.nextID, request: request, answers: answers))
      return .success(state.nextID)
    }
    news.signal()
    return try result.get()
  }

  /// Says that nobody wants the answers to a request any more.
  func cancel(_ id: Int) {
    state.withLock { $0.cancelled.append(id) }
    news.signal()
  }

  /// Nothing is taken on any more, and what runs is given up.
  func close() {
    state.withLock { $0.isClosed = true }
    news.signal()
  }

  /// Says that an answer no longer waits.
  func hasBegun(_ count: Int = 1) { state.withLock { $0.waiting -= count } }

  /// Says how many answers run.
  func report(running: Int) { state.withLock { $0.running = running } }

  /// How many answers run, and how many wait.
  var load: (running: Int, waiting: Int) { state.withLock { ($0.running, $0.waiting) } }

  /// What has come since the last call.
  ///
  /// - Parameter waits: whether to wait until there is something
  func take(waits: Bool) -> (arrived: [Submission], cancelled: [Int], isClosed: Bool) {
    if waits { news.wait() }
    return state.withLock { state in
      defer { (state.arrived, state.cancelled) = ([], []) }
      return (state.arrived, state.cancelled, state.isClosed)
    }
  }
}

/// Why a request is not taken on.
public enum EngineError: Error, Hashable, Sendable {
  /// So many answers wait already.
  case full(waiting: Int)
  /// The server is about to end.
  case stopping
  /// There is no model of this name.
  case unknownModel(String)
}
