import Foundation

/// The agreement of several nodes, through a store that node 0 hosts. A separate thread talks to the store, since answers
/// may take long while the workers here have to be watched.
final class ManyNodes: Coordination {
  private let options: LaunchOptions
  private let stores: any StoreProvider
  private let mailbox = Mailbox()
  private var isStarted = false
  private var isLost = false

  init(_ options: LaunchOptions, stores: any StoreProvider) {
    self.options = options
    self.stores = stores
  }

  var wakeDescriptor: Int32? { mailbox.wakeDescriptor }

  func begin(attempt: Int) {
    mailbox.ask(.begin(attempt: attempt))
    guard !isStarted else { return }
    isStarted = true
    let thread = Thread { [options, stores, mailbox] in NodeLoop(options, stores: stores, mailbox: mailbox).run() }
    thread.name = "nodes"
    thread.start()
  }

  func news() -> [CoordinationNews] {
    let news = mailbox.takeNews()
    for case .lost in news { isLost = true }
    guard !isLost, let error = silence else { return news }
    isLost = true
    return news + [.lost(error)]
  }

  /// How long a store may take to answer its first call.
  static let patienceForStore = Duration.seconds(10)

  /// Why no answer can be expected any more; nil while one can. The thread may hang in a call that the network lost, or
  /// that a process received which is not a store.
  private var silence: LaunchError? {
    guard let endpoint = options.endpoint else { return nil }
    if let last = mailbox.lastAnswer, .now - last > .seconds(options.patience + 2) {
      return .storeLost(endpoint, "no answer for \(Int(options.patience)) s")
    }
    if let since = mailbox.connectingSince, .now - since > Self.patienceForStore + .seconds(2) {
      if Reachability.isOwn(endpoint.host) { return .portTaken(endpoint.port) }
      return LaunchError(
        .unavailable,
        "what listens at \(endpoint) does not answer as the store of a job. Check that this is node 0's host, and that the port is "
          + "meant for it.")
    }
    return nil
  }

  func tell(failure: WorkerFailure) { mailbox.ask(.failure(failure)) }
  func tell(signal: Int32) { mailbox.ask(.signal(signal)) }
  func conclude(_ report: NodeReport) { mailbox.ask(.conclude(report)) }

  func leave(because cause: String?, saying say: (Wording) -> Void) {
    guard isStarted else { return }
    mailbox.ask(.leave(because: cause))
    // The thread itself has a shorter limit; this one is for a thread that hangs.
    let deadline = ContinuousClock.now + .seconds(isLost ? 1 : options.patience + 5)
    var wait = WaitClock()
    while !mailbox.isClosed, .now < deadline {
      for case .message(let text) in mailbox.takeNews() {
        say(text)
        wait = WaitClock()
      }
      if let seconds = wait.due() {
        say(
          Wording(
            en: "waiting for an answer of node 0 before leaving, \(seconds) s so far",
            zh: "离开之前等待节点 0 的回答，已 \(seconds) 秒"))
      }
      usleep(10_000)
    }
  }
}
