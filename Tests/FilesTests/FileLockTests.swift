import Files
import Foundation
import Testing

@Suite("Locks among processes")
struct FileLockTests {
  private func take(_ path: String, isDone: @escaping () -> Bool = { false }) -> FileLock.Outcome {
    FileLock.take(path, waiting: { _, _ in }, until: isDone)
  }

  @Test("A lock is taken, names its holder, and leaves no file when it is given back")
  func taking() throws {
    let scratch = try Scratch()
    let path = scratch.file("a.lock").path
    guard case .taken(let lock) = take(path) else {
      Issue.record("the lock was not taken")
      return
    }
    #expect(try scratch.text("a.lock").hasPrefix("process \(getpid()) on "))
    // `flock` belongs to an open file, so a second opening in the same process waits as another process does.
    var looks = 0
    let second = take(path) {
      looks += 1
      return looks == 3
    }
    guard case .pointless = second else {
      Issue.record("the lock was taken twice")
      return
    }
    #expect(looks == 3)
    lock.release()
    #expect(try scratch.names.isEmpty)
  }

  @Test("Where no lock file can be made, there is none to wait for")
  func impossible() throws {
    let scratch = try Scratch()
    guard case .impossible = take(scratch.file("absent/a.lock").path) else {
      Issue.record("a lock in a folder that is not there")
      return
    }
  }
}
