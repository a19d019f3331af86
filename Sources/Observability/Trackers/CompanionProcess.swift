import Foundation
import Synchronization

/// A program that works beside this one, and whose failures are its own.
///
/// It is the leader of a session of its own: a Ctrl-C of the terminal, or the end of this process, does not end it. It has its
/// standard streams and no other file of ours. It begins with the system's default signals, whatever is ignored here.
final class CompanionProcess: Sendable {
  /// How a process came to its end.
  enum Ending: Hashable, Sendable, CustomStringConvertible {
    case exited(Int32)
    case killed(Int32)

    var description: String {
      switch self {
      case .exited(let code): "exit code \(code)"
      case .killed(let signal): "signal \(signal)"
      }
    }
  }

  /// Its process id.
  let id: pid_t
  /// The end of its standard input that is written here; writing never blocks.
  let input: OwnedDescriptor
  /// The end of its standard output that is read here; nil where that goes to the log.
  let output: OwnedDescriptor?
  private let ending = Mutex<Ending?>(nil)

  /// Starts a program.
  ///
  /// - Parameters:
  ///   - arguments: the program, a path or a name on the `PATH`, and its arguments
  ///   - variables: what is added to the environment
  ///   - log: the file to which its standard error is appended, and its output where that is not read
  /// - Throws: `StartFailure`
  init(_ arguments: [String], variables: [String: String] = [:], log: URL, readsOutput: Bool) throws(StartFailure) {
    let input = try PipePair()
    let output = readsOutput ? try PipePair() : nil
    var actions = posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    posix_spawn_file_actions_adddup2(&actions, input.reading.number, 0)
    posix_spawn_file_actions_addopen(&actions, 2, log.path, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    posix_spawn_file_actions_adddup2(&actions, output?.writing.number ?? 2, 1)
    // Sockets of LibTorch too, which a process that outlives this one would keep open.
    let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    for number in open.compactMap({ Int32($0) }) where number > 2 {
      posix_spawn_file_actions_addclose(&actions, number)
    }
    var (none, all) = (sigset_t(), sigset_t())
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    let newSession: Int32 = 0x80  // POSIX_SPAWN_SETSID, which Swift does not import everywhere.
    posix_spawnattr_setflags(
      &attributes, Int16(newSession | Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)))

    let environment = ProcessInfo.processInfo.environment.merging(variables) { _, new in new }
    let texts = arguments.map { strdup($0) } + [nil]
    let settings = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { (texts + settings).forEach { free($0) } }
    var id: pid_t = 0
    let problem = posix_spawnp(&id, arguments[0], &actions, &attributes, texts, settings)
    guard problem == 0 else {
      throw StartFailure(program: arguments[0], reason: String(cString: strerror(problem)))
    }
    self.id = id
    _ = fcntl(input.writing.number, F_SETFL, O_NONBLOCK)
    (self.input, self.output) = (input.writing, output?.reading)
  }

  /// How it ended; nil while it runs.
  func look() -> Ending? {
    ending.withLock { ending in
      if ending == nil {
        var status: Int32 = 0
        let answer = waitpid(id, &status, WNOHANG)
        // Somebody else may have taken the status; it has ended in any case.
        if answer < 0, errno != EINTR { ending = .exited(0) }
        if answer == id {
          let signal = status & 0x7F
          ending = signal == 0 ? .exited(status >> 8 & 0xFF) : .killed(signal)
        }
      }
      return ending
    }
  }

  /// Waits for its end.
  ///
  /// - Returns: nil where it still runs after these seconds
  func wait(seconds: Double) -> Ending? {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while true {
      if let ending = look() { return ending }
      if ContinuousClock.now >= deadline { return nil }
      usleep(20_000)
    }
  }

  /// Ends it, with what it has started.
  func end() {
    for signal in [SIGTERM, SIGKILL] {
      guard look() == nil else { return }
      kill(-id, signal)
      if wait(seconds: signal == SIGTERM ? 1 : 5) != nil { return }
    }
  }
}

/// A program could not be started.
struct StartFailure: Error, CustomStringConvertible {
  let program: String
  let reason: String
  var description: String { "cannot start \(program): \(reason)" }
}

/// A file descriptor that is closed once.
final class OwnedDescriptor: Sendable {
  private let state: Mutex<Int32>
  init(_ number: Int32) { state = Mutex(number) }
  deinit { close() }

  /// The number; -1 once it is closed.
  var number: Int32 { state.withLock { $0 } }

  /// Writes some of the bytes, as the system's `write`. A reader that is gone is an error, EPIPE, and ends no process.
  func write(_ bytes: ArraySlice<UInt8>) -> Int {
    var (broken, before) = (sigset_t(), sigset_t())
    sigemptyset(&broken)
    sigaddset(&broken, SIGPIPE)
    pthread_sigmask(SIG_BLOCK, &broken, &before)
    let count = bytes.withUnsafeBytes { Foundation.write(number, $0.baseAddress, $0.count) }
    let problem = errno
    if count < 0, problem == EPIPE {
      var now = timespec()
      sigtimedwait(&broken, nil, &now)
    }
    pthread_sigmask(SIG_SETMASK, &before, nil)
    errno = problem
    return count
  }

  func close() {
    state.withLock { number in
      if number >= 0 { _ = Foundation.close(number) }
      number = -1
    }
  }
}

/// The two ends of a pipe, which no other child inherits.
private struct PipePair {
  let reading: OwnedDescriptor
  let writing: OwnedDescriptor

  init() throws(StartFailure) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else {
      throw StartFailure(program: "a program beside this one", reason: String(cString: strerror(errno)))
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    (reading, writing) = (OwnedDescriptor(ends[0]), OwnedDescriptor(ends[1]))
  }
}
