import Files
import Foundation
import Observability
import Synchronization

/// Standard output, where results go; unbuffered, so that pieces of an answer appear as they come and lines keep their
/// order beside the messages on stderr.
enum Output {
  /// What the words on standard output are to a command.
  enum Meaning {
    /// What it was asked for: without them it has failed.
    case results
    /// Words about work whose results are in files: losing their reader never ends a run.
    case remarks
  }

  private static let state = Mutex((meaning: Meaning.results, isLost: false))

  /// Says what standard output means from here on.
  static func holds(_ meaning: Meaning) { state.withLock { $0.meaning = meaning } }

  /// Columns of the terminal that standard output is, or that whoever passes it on writes to; nil where there is none.
  static var width: Int? {
    var size = winsize()
    if ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 { return Int(size.ws_col) }
    return ProcessInfo.processInfo.environment["MINIMIND_DPO_TERMINAL_WIDTH"].flatMap { Int($0) }
  }

  static func line(_ text: String = "") { write(text + "\n") }

  static func write(_ text: String) { write(bytes: Data(text.utf8)) }

  /// Writes bytes. Where they are results and cannot be written, the process ends: with exit code 73, or, where the reader
  /// has gone (`| head`), by SIGPIPE, as every filter does.
  static func write(bytes: Data) {
    let failure = bytes.withUnsafeBytes { send($0) }
    guard failure != 0 else { return }
    let (meaning, isNew) = state.withLock { state in
      defer { state.isLost = true }
      return (state.meaning, !state.isLost)
    }
    let reason = String(cString: strerror(failure))
    switch meaning {
    case .remarks:
      guard isNew, failure != EPIPE else { return }
      Console.standardError.print("warning: standard output cannot be written (\(reason)); the run goes on without it")
    case .results:
      if failure == EPIPE {
        signal(SIGPIPE, SIG_DFL)
        raise(SIGPIPE)
      }
      Failure(
        .cannotWrite, "the result cannot be written to standard output: \(reason). What was written of it is not whole."
      ).exit()
    }
  }

  /// - Returns: 0, or why not all could be written
  private static func send(_ bytes: UnsafeRawBufferPointer) -> Int32 {
    var rest = bytes
    while let start = rest.baseAddress, rest.count > 0 {
      let written = Foundation.write(STDOUT_FILENO, start, rest.count)
      if written > 0 {
        rest = UnsafeRawBufferPointer(rebasing: rest[written...])
      } else if errno == EAGAIN {
        // Whoever shares the pipe has made it one that does not wait.
        var state = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
        poll(&state, 1, 1000)
      } else if errno != EINTR {
        return errno
      }
    }
    return 0
  }
}
