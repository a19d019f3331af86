import Foundation

/// A file that keeps what a worker wrote.
final class LogFile {
  let path: String
  private let descriptor: Int32
  private let complain: (Wording) -> Void
  private var hasComplained = false

  /// - Parameter complain: told once when writing fails; training goes on
  init(_ path: String, complain: @escaping (Wording) -> Void) throws(LaunchError) {
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw LaunchError(.cannotWrite, "cannot write \(path): \(String(cString: strerror(errno))).")
    }
    self.path = path
    self.complain = complain
  }

  deinit { close(descriptor) }

  func write(_ bytes: ArraySlice<UInt8>) {
    var rest = bytes
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else {
        let reason = String(cString: strerror(errno))
        if !hasComplained {
          complain(Wording(en: "\(path): \(reason); the log is not complete", zh: "\(path)：\(reason)；日志不完整"))
        }
        hasComplained = true
        return
      }
      rest = rest.dropFirst(written)
    }
  }
}
