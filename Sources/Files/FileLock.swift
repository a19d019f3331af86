import Foundation

/// An exclusive lock among processes that share a file system, held until `release()`.
///
/// It is a `flock` on a file of its own. The system drops the lock when its holder dies, for whatever reason; `release()`
/// removes the file.
public final class FileLock {
  private let path: String
  private let descriptor: Int32

  private init(path: String, descriptor: Int32) {
    self.path = path
    self.descriptor = descriptor
  }

  /// How an attempt to take the lock ended.
  public enum Outcome {
    /// This process holds it.
    case taken(FileLock)
    /// Another process finished the work while this one waited.
    case pointless
    /// The file system does not support locks, or the lock file cannot be created.
    case impossible
  }

  /// Takes the lock, and waits for it, but not for ever: a holder may be stopped, or on a host that is gone.
  /// - Parameters:
  ///   - patience: how long it is waited for; then the outcome is `impossible`, and the caller does the work itself
  ///   - waiting: called after one second and then every 30 seconds, with the seconds waited so far and the holder of
  ///     the lock, as far as it is known
  ///   - isDone: polled while waiting; true when there is nothing left to wait for
  public static func take(
    _ path: String, patience: Duration = .seconds(3600),
    waiting: (_ seconds: Int, _ holder: String) -> Void, until isDone: () -> Bool
  ) -> Outcome {
    let started = ContinuousClock.now
    var nextNotice = Duration.seconds(1)
    while true {
      let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
      guard descriptor >= 0 else { return .impossible }
      while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
        guard errno == EWOULDBLOCK || errno == EINTR else {
          close(descriptor)
          return .impossible
        }
        if isDone() {
          close(descriptor)
          return .pointless
        }
        let waited = ContinuousClock.now - started
        if waited > patience {
          close(descriptor)
          return .impossible
        }
        if waited >= nextNotice {
          waiting(Int(waited / .seconds(1)), holder(descriptor))
          nextNotice += .seconds(30)
        }
        usleep(20_000)
      }
      // The previous holder may have removed the file while this process waited for a lock on it.
      if isSame(descriptor, path) {
        write(descriptor)
        return .taken(FileLock(path: path, descriptor: descriptor))
      }
      close(descriptor)
    }
  }

  /// Releases the lock and removes its file.
  public func release() {
    unlink(path)
    close(descriptor)
  }

  private static func isSame(_ descriptor: Int32, _ path: String) -> Bool {
    var mine = stat()
    var there = stat()
    return fstat(descriptor, &mine) == 0 && lstat(path, &there) == 0 && mine.st_ino == there.st_ino
      && mine.st_dev == there.st_dev
  }

  /// Records who holds the lock. A failure, for instance on a full disk, only makes the message of a waiting process vaguer.
  private static func write(_ descriptor: Int32) {
    let text = "process \(getpid()) on \(ProcessInfo.processInfo.hostName)"
    ftruncate(descriptor, 0)
    _ = text.withCString { pwrite(descriptor, $0, strlen($0), 0) }
  }

  private static func holder(_ descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : "another process"
  }
}
