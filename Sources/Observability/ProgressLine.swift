import Synchronization

/// Shows a ``Progress`` while a task runs: on a terminal one line that is rewritten a few times a second; elsewhere a
/// plain line at each logging interval, so that log files stay short.
public final class ProgressLine: Sendable {
  private let console: Console
  private let interval: Duration
  private let lastShown = Mutex<ContinuousClock.Instant?>(nil)

  /// A progress line on a console, redrawn at most once per `interval`.
  public init(on console: Console = .standardError, interval: Duration = .milliseconds(250)) {
    self.console = console
    self.interval = interval
  }

  /// To be called as often as there is news, for example after every step: redraws the line when it is time to.
  public func update(_ progress: Progress) {
    guard console.isInteractive else { return }
    let isDue = lastShown.withLock { last in
      let now = ContinuousClock.now
      if let last, now - last < interval { return false }
      last = now
      return true
    }
    if isDue { draw(progress) }
  }

  /// To be called at each logging interval: redraws the line, or prints a plain one.
  public func report(_ progress: Progress) {
    if console.isInteractive {
      lastShown.withLock { $0 = ContinuousClock.now }
      draw(progress)
    } else {
      console.print(progress.plainLine)
    }
  }

  /// Takes the line away when the task is over.
  public func finish() {
    console.clearStatus()
  }

  private func draw(_ progress: Progress) {
    // One column stays free: some terminals wrap as soon as the last one is written.
    console.show(status: progress.terminalLine(width: console.width - 1))
  }
}
