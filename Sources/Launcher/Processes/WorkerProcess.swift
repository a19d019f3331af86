import CLauncher
import Foundation

/// A worker: a process in a group of its own, whose output comes through pipes.
///
/// swift-subprocess cannot set PR_SET_PDEATHSIG between fork and exec on Linux, and the thread that its children belong to
/// is not ours to keep alive; so CLauncher forks, on the agent's thread. A worker that has ended stays a zombie until
/// ``release()``: until then its group's number is not reused, and a signal to the group cannot hit other processes.
final class WorkerProcess {
  let place: WorkerEnvironment
  let id: pid_t
  private(set) var ending: Ending?
  private(set) var endedAt: Date?
  /// Readable when the process ended; nil on kernels without such descriptors.
  let exitDescriptor: Descriptor?
  let output: Descriptor
  let error: Descriptor
  var lastLines = LastLines()
  /// Signals that the launcher sent it; ends by those are not its own failures.
  private(set) var sentSignals: Set<Int32> = []
  private let guardProcess: Guard

  init(
    _ program: WorkerProgram, as place: WorkerEnvironment, environment: [String: String], input: Int32,
    under guardProcess: Guard
  ) throws(LaunchError) {
    let output = try PipeEnds()
    let error = try PipeEnds()
    let arguments = program.arguments.map { strdup($0) } + [nil]
    let variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    let path = strdup(program.path)
    defer {
      (arguments + variables).forEach { free($0) }
      free(path)
    }
    id = arguments.withUnsafeBufferPointer { arguments in
      variables.withUnsafeBufferPointer { variables in
        var request = claunch_request(
          path: path, arguments: arguments.baseAddress, environment: variables.baseAddress, input: input,
          output: output.writing.number, error: error.writing.number, guard: guardProcess.descriptor)
        return claunch_start(&request)
      }
    }
    guard id > 0 else {
      let reason = String(cString: strerror(-id))
      throw LaunchError(
        -id == ENOENT || -id == EACCES || -id == ENOEXEC ? .missingInput : .unavailable,
        "cannot start \(program.path): \(reason).")
    }
    self.place = place
    self.output = output.reading
    self.error = error.reading
    self.guardProcess = guardProcess
    let descriptor = claunch_pidfd(id)
    exitDescriptor = descriptor >= 0 ? Descriptor(owning: descriptor) : nil
  }

  /// Checks whether it has ended. Returns true the first time that it has.
  func look() -> Bool {
    guard ending == nil else { return false }
    var code: Int32 = 0
    var bySignal = false
    let answer = claunch_ended(id, &code, &bySignal)
    if answer == 0 { return false }
    // Another part of the program took the child's status; to assume a failure is safe.
    if answer < 0 { code = 70 }
    ending = bySignal ? .killed(by: code) : .exited(code)
    endedAt = Date()
    return true
  }

  /// Sends a signal to the worker and everything in its group, and wakes a stopped worker to receive it.
  func send(_ signal: Int32) {
    if ending == nil { sentSignals.insert(signal) }
    kill(-id, signal)
    if signal != SIGKILL { kill(-id, SIGCONT) }
  }

  /// Whether the worker has a handler for a signal whose default is to end it. Where Linux does not tell, it has none.
  func handles(_ signal: Int32) -> Bool {
    guard let status = try? String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8) else { return false }
    return status.split(separator: "\n").contains { line in
      // Dispatch ignores a signal that it waits for.
      let parts = line.split(whereSeparator: \.isWhitespace)
      guard parts.count == 2, ["SigCgt:", "SigIgn:"].contains(parts[0]), let mask = UInt64(parts[1], radix: 16) else {
        return false
      }
      return mask & 1 << UInt64(signal - 1) != 0
    }
  }

  /// Sends a signal that does not ask for an end, to the worker alone.
  func notify(_ signal: Int32) { kill(id, signal) }

  /// Whether it ended because the launcher asked it to.
  var endedAsAsked: Bool {
    switch ending {
    case .killed(let signal)?: sentSignals.contains(signal)
    // The exit code with which shells and many programs report the signal.
    case .exited(let code)?: code > 128 && sentSignals.contains(code - 128)
    case nil: false
    }
  }

  /// Kills what is left of its group, and releases its process id.
  func release() {
    kill(-id, SIGKILL)
    claunch_guard_dismiss(guardProcess.descriptor, id)
    claunch_reap(id)
  }
}

/// The small process that kills the workers when the launcher is killed.
final class Guard {
  let descriptor: Int32
  private let process: pid_t

  init() throws(LaunchError) {
    var process: pid_t = 0
    descriptor = claunch_guard_start(&process)
    self.process = process
    guard descriptor >= 0 else {
      throw LaunchError(.unavailable, "cannot start a process: \(String(cString: strerror(-descriptor))).")
    }
  }

  deinit {
    close(descriptor)
    claunch_reap(process)
  }
}
