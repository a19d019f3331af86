import CLauncher
import Foundation

/// A descriptor that is closed with its owner.
final class Descriptor {
  let number: Int32

  init(owning number: Int32) { self.number = number }

  deinit { close(number) }

  /// What can be read now without waiting: bytes, nothing yet (nil), or the end (empty).
  func readAvailable(into buffer: inout [UInt8]) -> ArraySlice<UInt8>? {
    while true {
      let count = buffer.withUnsafeMutableBytes { read(number, $0.baseAddress, $0.count) }
      if count >= 0 { return buffer[..<count] }
      if errno == EINTR { continue }
      return errno == EAGAIN ? nil : []
    }
  }
}

/// A pipe that other processes started at the same time do not inherit. Reading from it does not wait.
struct PipeEnds {
  let reading: Descriptor
  let writing: Descriptor

  init() throws(LaunchError) {
    var ends: [Int32] = [-1, -1]
    let failure = claunch_pipe(&ends)
    guard failure == 0 else {
      throw LaunchError(.unavailable, "cannot make a pipe: \(String(cString: strerror(-failure))).")
    }
    reading = Descriptor(owning: ends[0])
    writing = Descriptor(owning: ends[1])
    _ = fcntl(ends[0], F_SETFL, fcntl(ends[0], F_GETFL) | O_NONBLOCK)
  }
}
