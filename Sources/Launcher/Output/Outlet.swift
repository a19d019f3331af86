import Foundation

/// The launcher's own stdout or stderr, written without ever waiting: while a reader is slow (a pager, a full pipe), the
/// workers still have to be watched.
final class Outlet {
  let descriptor: Int32
  let isTerminal: Bool
  private let isFile: Bool
  private var waiting: [UInt8] = []
  /// Why nothing can be written any more (`errno`); nil while all is well.
  private(set) var failure: Int32?

  init(_ descriptor: Int32) {
    self.descriptor = descriptor
    isTerminal = isatty(descriptor) == 1
    var status = stat()
    isFile = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  /// Columns of the terminal.
  var width: Int {
    var size = winsize()
    return ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
  }

  var hasWaiting: Bool { !waiting.isEmpty }
  /// So much waits that no more should be read from workers.
  var isFull: Bool { waiting.count > 1 << 20 }

  /// The file of a descriptor: stdout and stderr are often the same terminal.
  static func identity(_ descriptor: Int32) -> [UInt64] {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return [UInt64(descriptor)] }
    return [UInt64(status.st_dev), UInt64(status.st_ino)]
  }

  func write(_ bytes: some Sequence<UInt8>) {
    if failure != nil { return }
    waiting.append(contentsOf: bytes)
    flush()
  }

  /// Writes what can be written now. A pipe that is ready takes 4096 bytes at once (PIPE_BUF) without waiting.
  func flush() {
    var start = 0
    while start < waiting.count {
      var state = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      if !isFile, poll(&state, 1, 0) == 0 { break }
      let count = isFile ? waiting.count - start : min(4096, waiting.count - start)
      let written = waiting.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress! + start, count) }
      if written >= 0 {
        start += written
      } else if errno != EINTR {
        if errno == EAGAIN { break }
        // The reader has gone (`| head`), or the disk is full, which is no reason to stop training.
        failure = errno
        start = waiting.count
      }
    }
    waiting.removeFirst(start)
  }
}

extension Duration {
  /// Whole milliseconds, rounded up.
  var milliseconds: Int {
    let (seconds, attoseconds) = components
    return Int(seconds) * 1000 + Int((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
  }
}
