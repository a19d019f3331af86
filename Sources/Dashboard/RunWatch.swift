import Foundation
import Observability
import OrderedJSON
import Synchronization

/// Looks at a folder of runs once a second, on one thread, however many browsers watch: each change of its files is read once.
public final class RunWatch: Sendable {
  private struct State {
    var snapshot = Snapshot()
    var listeners: [Int: AsyncStream<Void>.Continuation] = [:]
    var nextListener = 0
    var isEnded = false
    /// The processes that were asked to stop, by the runs' names.
    var asked: [String: String] = [:]
  }

  private let search: RunSearch
  private let title: String
  private let pause: Duration
  private let state = Mutex(State())
  private let wakeUp = DispatchSemaphore(value: 0)
  /// Runs beyond this many, the ones written last, are left out: a page could not tell them apart.
  static let runLimit = 40
  /// While a long file is read, pages are told of it so often.
  private static let pauseWhileReading = Duration.milliseconds(500)

  /// A watch of a folder that is a run, or holds runs; it need not be there yet.
  ///
  /// - Parameter pause: the time between two looks
  public init(_ folder: URL, pause: Duration = .seconds(1)) {
    search = RunSearch(root: folder)
    title = folder.standardizedFileURL.path
    self.pause = pause
  }

  /// Begins to look, until ``end()``.
  public func start() { Thread.detachNewThread { [self] in follow() } }

  /// Looks no more.
  public func end() {
    let listeners = state.withLock { state in
      state.isEnded = true
      return state.listeners.values
    }
    for listener in listeners { listener.finish() }
    wakeUp.signal()
  }

  /// What is known now.
  var snapshot: Snapshot { state.withLock(\.snapshot) }

  /// Says so at once, and then whenever something is new; what comes while nobody listens is said once.
  func changes() -> AsyncStream<Void> {
    let (changes, listener) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    let (number, isEnded) = state.withLock { state in
      defer { state.nextListener += 1 }
      state.listeners[state.nextListener] = listener
      return (state.nextListener, state.isEnded)
    }
    listener.onTermination = { [weak self] _ in self?.state.withLock { $0.listeners[number] = nil } }
    listener.yield()
    if isEnded { listener.finish() }
    return changes
  }

  // MARK: - Stopping a run

  /// Asks a run to stop after its current step, with a checkpoint.
  func stop(_ name: String, with signal: RunStop.Signal) -> RunStop {
    guard let run = snapshot.runs.first(where: { $0.name == name }) else { return .refused(DashboardWords.noSuchRun) }
    let outcome = RunStop(run.location, asked: state.withLock { $0.asked[name] }, signal: signal)
    if case .asked(let process) = outcome {
      state.withLock { $0.asked[name] = process }
      wakeUp.signal()
    }
    return outcome
  }

  // MARK: - Looking

  private func follow() {
    #if os(Linux)
      // Of this thread alone: what is watched shall not be slowed by being watched.
      setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
    #endif
    var runs: [FollowedRun] = []
    var shown: [String: RunSnapshot] = [:]
    var asked: [String: String] = [:]
    var published = ContinuousClock.now - .seconds(3600)
    var isDue = true
    while !state.withLock(\.isEnded) {
      let names = runs.map(\.name)
      addAndRemove(&runs)
      var isNew = runs.map(\.name) != names
      var hasMore = false
      let nowAsked = state.withLock(\.asked)
      for index in runs.indices {
        let found = runs[index].look()
        hasMore = hasMore || found.hasMore
        if found.isNew || shown[runs[index].name] == nil || nowAsked[runs[index].name] != asked[runs[index].name] {
          shown[runs[index].name] = nil
          isNew = true
        }
      }
      asked = nowAsked
      isDue = isDue || isNew
      if isDue, !hasMore || .now - published >= Self.pauseWhileReading {
        for run in runs where shown[run.name] == nil { shown[run.name] = RunSnapshot(run, asked: asked[run.name]) }
        publish(runs, shown)
        (isDue, published) = (false, .now)
      }
      if !hasMore { _ = wakeUp.wait(timeout: .now() + pause / .seconds(1)) }
    }
  }

  private func publish(_ runs: [FollowedRun], _ shown: [String: RunSnapshot]) {
    let snapshot = Snapshot(runs.compactMap { shown[$0.name] }, of: runs.map(\.run), in: title)
    let listeners = state.withLock { state in
      state.snapshot = snapshot
      return state.listeners.values
    }
    for listener in listeners { listener.yield() }
  }

  /// Runs keep their places, and with them their colours; new ones come behind them.
  private func addAndRemove(_ runs: inout [FollowedRun]) {
    var found = search.runs()
    if found.count > Self.runLimit { found = Self.newest(found) }
    let present = Set(found)
    runs.removeAll { run in !present.contains(RunSearch.Found(name: run.name, location: run.location)) }
    let known = Set(runs.map(\.name))
    runs += found.filter { !known.contains($0.name) }.map { FollowedRun($0) }
  }

  private static func newest(_ found: [RunSearch.Found]) -> [RunSearch.Found] {
    func written(_ run: RunSearch.Found) -> Int {
      var status = stat()
      return stat(run.location.appendingPathComponent("metrics.jsonl").path, &status) == 0 ? status.st_mtim.tv_sec : 0
    }
    let kept = Set(found.map { ($0, written($0)) }.sorted { $0.1 > $1.1 }.prefix(runLimit).map(\.0))
    return found.filter(kept.contains)
  }
}
