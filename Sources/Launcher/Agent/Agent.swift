import Foundation

/// The launcher on one node: starts the workers, watches them, passes on their output and the signals that it receives,
/// stops and restarts them, and says at the end what failed first.
///
/// One thread does all of this and waits in one place (``turn(atMost:)``), so that events are seen in order. The thread must
/// live as long as the process, since the kernel kills the workers when it ends.
public final class Agent {
  private let options: LaunchOptions
  private let program: WorkerProgram
  private let environment: [String: String]
  private let coordination: any Coordination
  private let inbox: SignalInbox
  private let console: AgentConsole
  private let isOutputResult: Bool
  private let host = HostName.current

  private var guardProcess: Guard?
  private var group: WorkerGroup?
  private var arrived: [CoordinationNews] = []
  /// Signals from outside so far, and the one that came from another node.
  private var signals: [Int32] = []
  private var signalOfOthers: (number: Int32, at: ContinuousClock.Instant)?
  private var lost: LaunchError?
  /// Failures that are said only if the other workers take their time to stop; the summary follows soon otherwise.
  private var unsaid: [(text: Wording, at: ContinuousClock.Instant)] = []
  /// What the workers of this attempt have last shown on the console.
  private var shownLines: [String] = []
  private var buffer = [UInt8](repeating: 0, count: 64 << 10)

  /// - Parameters:
  ///   - options: what to do
  ///   - program: what the workers run
  ///   - environment: the launcher's, which the workers inherit
  ///   - stores: makes the stores in which nodes and workers meet
  ///   - isOutputResult: whether what the workers write to stdout is what they were started for, so that a job whose output
  ///     cannot be written has failed
  ///   - inbox: where signals arrive
  ///   - output: descriptor for the workers' stdout
  ///   - error: descriptor for their stderr and the launcher's own messages
  public init(
    _ options: LaunchOptions, program: WorkerProgram, environment: [String: String], stores: any StoreProvider,
    isOutputResult: Bool = false, inbox: SignalInbox = SignalInbox(), output: Int32 = STDOUT_FILENO,
    error: Int32 = STDERR_FILENO
  ) {
    self.options = options
    self.program = program
    self.environment = environment
    (self.inbox, self.isOutputResult) = (inbox, isOutputResult)
    console = AgentConsole(output: output, error: error, language: options.language ?? .english)
    coordination =
      options.nodes.upperBound == 1 ? SingleNode(options, stores: stores) : ManyNodes(options, stores: stores)
  }

  /// Runs the job to its end.
  ///
  /// - Parameter catchingSignals: whether the signals of the process (`--signals-to-handle`) go to the workers
  /// - Returns: what the process should exit with
  public func run(catchingSignals: Bool = true) -> Int32 {
    let stops = options.signals.compactMap(SignalName.number(of:)).filter { $0 != SIGUSR1 }
    let caught = catchingSignals ? stops + [SIGUSR1] : []
    let dispositions = [
      (SIGPIPE, signal(SIGPIPE, SIG_IGN)),
      // With SIGCHLD ignored, the kernel would not tell how children ended.
      (SIGCHLD, signal(SIGCHLD, SIG_DFL)),
    ]
    inbox.receive(caught)
    defer {
      inbox.release(caught)
      for (number, disposition) in dispositions { signal(number, disposition) }
    }
    var code: Int32
    do throws(LaunchError) {
      guardProcess = try Guard()
      code = try work()
    } catch {
      console.say("error: \(error)")
      leave(because: error.description)
      code = error.code.rawValue
    }
    flush()
    if code == 0, isOutputResult, let reason = console.lostOutput {
      console.say(
        "error: the result cannot be written to standard output: \(reason). What was written of it is not whole.")
      flush()
      code = LaunchError.Code.cannotWrite.rawValue
    }
    return code
  }

  private func work() throws(LaunchError) -> Int32 {
    let runID = options.runID ?? UUID().uuidString.lowercased()
    let logs = try LogFolder(
      folder: options.logFolder, runID: runID,
      keepsLogs: options.redirects != StreamChoice() || options.tee != StreamChoice())
    defer { logs.remove() }
    var attempt = 0
    while true {
      coordination.begin(attempt: attempt)
      guard let plan = try awaited({ if case .plan(let plan) = $0 { plan } else { nil } }), signals.isEmpty else {
        return stoppedBySignal()
      }
      let starter = WorkerStarter(
        options: options, program: program, environment: environment, plan: plan, runID: runID, logs: logs,
        console: console, host: host)
      let group = try starter.start(under: guardProcess)
      self.group = group
      if attempt == 0 { console.say(starter.announcement) }
      while !group.hasEnded { turn() }
      coordination.conclude(group.report(signal: signals.first ?? signalOfOthers?.number))
      group.release()
      shownLines = group.shownLines
      self.group = nil
      unsaid = []
      if let lost {
        summarize(group.failures, stopped: [])
        throw lost
      }
      guard let outcome = try awaited({ if case .outcome(let outcome) = $0 { outcome } else { nil } }) else {
        return stoppedBySignal()
      }
      report(outcome)
      guard let next = outcome.restart else {
        leave(because: nil)
        return outcome.code
      }
      attempt = next
      let most = options.maxRestarts
      console.say(
        Wording(
          en: "launch: starting all workers again (restart \(attempt) of \(most))",
          zh: "launch: 重新启动所有工作进程（第 \(attempt) 次重启，最多 \(most) 次）"))
    }
  }

  private func stoppedBySignal() -> Int32 {
    let signal = signals.last ?? SIGTERM
    let name = SignalName.of(signal)
    console.say(Wording(en: "launch: stopped by \(name)", zh: "launch: 被 \(name) 停止"))
    leave(because: "stopped by \(SignalName.of(signal))")
    return 128 + signal
  }

  private func summarize(_ failures: [WorkerFailure], stopped: [Int]) {
    guard let root = WorkerFailure.root(of: failures) else { return }
    let firstLine = root.reason?.split(separator: "\n").first?.prefix(200) ?? ""
    let isShown = !firstLine.isEmpty && shownLines.contains { $0.contains(firstLine) }
    console.say(FailureSummary(root: root, all: failures, stopped: stopped, isReasonShown: isShown).words)
  }

  private func leave(because cause: String?) {
    coordination.leave(because: cause) { console.say(Wording("launch: ") + $0) }
  }

  private func report(_ outcome: JobOutcome) {
    summarize(outcome.failures, stopped: outcome.stopped)
    if let cause = outcome.cause { console.say("launch: \(cause)") }
  }

  // MARK: Waiting

  /// Waits until the news has come; nil when a signal ends the wait. Throws when it can no longer come.
  private func awaited<News>(_ select: (CoordinationNews) -> News?) throws(LaunchError) -> News? {
    let before = signals.count
    while true {
      if let lost { throw lost }
      for (index, news) in arrived.enumerated() {
        if let found = select(news) {
          arrived.remove(at: index)
          return found
        }
      }
      if signals.count > before { return nil }
      turn(atMost: arrived.isEmpty && coordination.wakeDescriptor == nil ? .zero : nil)
    }
  }

  /// Waits a moment at most until something happens, and handles everything that has happened.
  private func turn(atMost limit: Duration? = nil) {
    var waits = WaitList()
    waits.add(inbox.descriptor)
    waits.add(coordination.wakeDescriptor)
    for stream in group?.streams ?? [] { waits.add(stream.descriptor) }
    let running = group?.running ?? []
    for worker in running { waits.add(worker.exitDescriptor?.number) }
    for outlet in console.outlets where outlet.hasWaiting { waits.add(outlet.descriptor, writing: true) }
    waits.wait(atMost: limit ?? patience(running))

    while let signal = inbox.next() { if signal == SIGUSR1 { passSaveRequest() } else { receive(signal) } }
    coordination.news().forEach(receive)
    console.outlets.forEach { $0.flush() }
    guard let group else { return console.showHeld() }
    for stream in group.streams { stream.relay(into: &buffer) }
    console.showHeld()
    let new = group.look()
    for failure in new {
      coordination.tell(failure: failure)
      let text =
        Wording(
          en: "launch: rank \(failure.rank) failed: \(failure.ending)",
          zh: "launch: rank \(failure.rank) 失败：\(failure.ending.chinese)") + stopping(group)
      unsaid.append((text, .now + Self.patienceForEnd))
    }
    if !group.hasEnded { sayUnsaid() }
    if !group.failures.isEmpty, !group.hasEnded {
      group.stop(knowingCause: group.failures.contains(where: \.isPrimary))
    }
    for worker in group.tick() {
      let rank = worker.place.rank
      console.say(
        Wording(
          en: "launch: rank \(rank) did not stop within \(timeToStop.en); killed",
          zh: "launch: rank \(rank) 在 \(timeToStop.zh)内没有停止，已杀死"))
    }
  }

  private func patience(_ running: [WorkerProcess]) -> Duration {
    // Without descriptors that report their end (Linux before 5.3), workers have to be polled.
    let interval = running.contains { $0.exitDescriptor == nil } ? 0.01 : max(0.01, min(1, options.monitorInterval))
    let untilDeadline = group?.nextDeadline.map { max(.zero, $0 - .now) }
    let untilWord = unsaid.first.map { max(.zero, $0.at - .now) }
    return [.seconds(interval), untilDeadline, untilWord, console.holdsSome ? Screen.patience : nil].compactMap(\.self)
      .min()
      ?? .seconds(interval)
  }

  /// Writes out what is left, as long as it is read and no further signal comes.
  private func flush() {
    let before = signals.count
    while console.outlets.contains(where: \.hasWaiting), signals.count == before { turn() }
  }

  // MARK: News

  private func receive(_ signal: Int32) {
    // A scheduler signals all nodes, and nodes tell each other; the workers should receive the signal once.
    if let other = signalOfOthers, other.number == signal, signals.isEmpty, .now - other.at < .seconds(5) {
      signals.append(signal)
      return
    }
    signals.append(signal)
    pass(signal, Wording(SignalName.of(signal)))
    if signals.count == 1 { coordination.tell(signal: signal) }
  }

  private func pass(_ signal: Int32, _ origin: Wording) {
    guard let group, !group.hasEnded else { return }
    if signals.count > 2 {
      console.say(
        Wording(
          en: "launch: \(origin.en), the third signal: killing the workers", zh: "launch: \(origin.zh)，第三次信号：杀死工作进程"))
      return group.killAll()
    }
    let workers = group.running.count
    console.say(
      Wording(
        en: "launch: \(origin.en): passed on to \(workers) worker\(workers == 1 ? "" : "s"), which "
          + "\(workers == 1 ? "has" : "have") \(timeToStop.en) to stop",
        zh: "launch: \(origin.zh)：已转发给 \(workers) 个工作进程，须在 \(timeToStop.zh)内停止"))
    group.pass(signal)
  }

  /// SIGUSR1 asks for a checkpoint, and nothing ends: workers that do not handle it, which it would end, are left out.
  private func passSaveRequest() {
    let told = (group?.running ?? []).filter { $0.handles(SIGUSR1) }
    told.forEach { $0.notify(SIGUSR1) }
    console.say(
      told.isEmpty
        ? Wording(en: "launch: SIGUSR1: no worker handles it now", zh: "launch: SIGUSR1：现在没有工作进程处理它")
        : Wording(
          en: "launch: SIGUSR1: passed on to \(told.count) worker\(told.count == 1 ? "" : "s")",
          zh: "launch: SIGUSR1：已转发给 \(told.count) 个工作进程"))
  }

  private func receive(_ news: CoordinationNews) {
    switch news {
    case .plan, .outcome: arrived.append(news)
    case .message(let words): console.say(Wording("launch: ") + words)
    case .failure(let failure):
      guard let group, !group.hasEnded else { return }
      let text =
        Wording(
          en: "launch: rank \(failure.rank) on host \(failure.host) failed: \(failure.ending)",
          zh: "launch: 主机 \(failure.host) 上的 rank \(failure.rank) 失败：\(failure.ending.chinese)") + stopping(group)
      unsaid.append((text, .now + Self.patienceForEnd))
      group.stop(knowingCause: failure.isPrimary)
    case .nodeLost(let cause):
      guard let group, !group.hasEnded else { return }
      console.say(Wording("launch: \(cause)") + stopping(group))
      group.stop(knowingCause: true)
    case .signal(let number, let host):
      guard signals.isEmpty, signalOfOthers == nil else { return }
      signalOfOthers = (number, .now)
      let name = SignalName.of(number)
      pass(number, Wording(en: "\(name) on host \(host)", zh: "主机 \(host) 上的 \(name)"))
    case .lost(let error):
      lost = error
      guard let group, !group.hasEnded else { return }
      console.say("launch: \(error)")
      group.stop(knowingCause: true)
      // The peers of these workers are out of reach, so they cannot finish anything together.
      group.kill(by: .now + .seconds(min(10, options.shutdownTimeout)))
    }
  }

  /// How long the other workers may take to stop before their stop is mentioned.
  private static let patienceForEnd = Duration.seconds(1)

  private func sayUnsaid(now: ContinuousClock.Instant = .now) {
    while let next = unsaid.first, now >= next.at {
      console.say(next.text)
      unsaid.removeFirst()
    }
  }

  /// Says, the first time, that the other workers are stopped now, and how long that may take.
  private func stopping(_ group: WorkerGroup) -> Wording {
    let count = group.running.count
    if group.isStopping || count == 0 { return Wording("") }
    let workers = count == 1 ? "the other worker" : "the other \(count) workers"
    return Wording(
      en: "; stopping \(workers), within \(timeToStop.en)", zh: "；正在停止其余 \(count) 个工作进程，限 \(timeToStop.zh)")
  }

  /// How long workers may take to stop.
  private var timeToStop: Wording {
    let seconds = options.shutdownTimeout
    let text = seconds == seconds.rounded() ? "\(Int(seconds))" : "\(seconds)"
    return Wording(en: "\(text) s", zh: "\(text) 秒")
  }
}
