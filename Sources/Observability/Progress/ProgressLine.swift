import Synchronization

/// Shows a ``Progress`` while a task runs: on a terminal one line that is rewritten a few times a second, and of which some
/// states stay behind; elsewhere a plain line at each logging interval, so that log files stay short.
public final class ProgressLine: Sendable {
  private let console: Console
  private let interval: Duration
  private let state = Mutex(State())

  private struct State {
    var lastShown: ContinuousClock.Instant?
    /// The last state that was reported and is not left behind yet.
    var pending: Progress?
    /// The tenths of the task that the states left behind stand for.
    var tenths = 0
  }

  /// A progress line on a console, redrawn at most once per `interval`.
  public init(on console: Console = .standardError, interval: Duration = .milliseconds(250)) {
    self.console = console
    self.interval = interval
  }

  /// To be called as often as there is news, for example after every step: redraws the line when it is time to. When
  /// another task begins, the last state of the one before stays above it.
  public func update(_ progress: Progress) {
    guard console.isInteractive else { return }
    let (isDue, left) = state.withLock { state -> (Bool, Progress?) in
      let left = state.pending?.task == progress.task ? nil : state.pending
      if left != nil { state.pending = nil }
      let now = ContinuousClock.now
      if left == nil, let last = state.lastShown, now - last < interval { return (false, nil) }
      state.lastShown = now
      return (true, left)
    }
    if let left { keep(left) }
    if isDue { draw(progress) }
  }

  /// To be called at each logging interval: redraws the line, or prints a plain one. About ten lines of a task stay on a
  /// terminal, beside its last one.
  public func report(_ progress: Progress) {
    guard console.isInteractive else { return console.print(progress.plainLine) }
    let isTenth = state.withLock { state in
      state.lastShown = .now
      let tenths = progress.total > 0 ? progress.done * 10 / progress.total : 0
      let isTenth = tenths > state.tenths
      state.tenths = tenths
      state.pending = isTenth ? nil : progress
      return isTenth
    }
    if isTenth { keep(progress) }
    draw(progress)
  }

  /// Takes the line away when the task is over, but for its last state.
  public func finish() {
    console.clearStatus()
    let pending = state.withLock { state in
      defer { state.pending = nil }
      return state.pending
    }
    if let pending { keep(pending) }
  }

  private func keep(_ progress: Progress) { console.print(progress.keptLine(width: console.width - 1)) }

  private func draw(_ progress: Progress) {
    // One column stays free: some terminals wrap as soon as the last one is written.
    console.show(status: progress.terminalLine(width: console.width - 1))
  }
}
