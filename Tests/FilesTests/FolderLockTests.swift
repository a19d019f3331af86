import Files
import Foundation
import Testing

@Suite("A folder that one process works in")
struct FolderLockTests {
  private func take(
    _ scratch: Scratch, reach: FolderLock.Reach? = .thisMachine, watch: Duration = .milliseconds(700),
    waiting: (String) -> Void = { _ in }
  ) throws -> FolderLock.Outcome {
    try FolderLock.take(
      scratch.url, reach: reach, beat: .milliseconds(100), watch: watch, waiting: waiting)
  }

  private func taken(_ outcome: FolderLock.Outcome) throws -> FolderLock {
    guard case .taken(let lock) = outcome else {
      throw Refused()
    }
    return lock
  }

  private struct Refused: Error {}

  @Test(
    "The second is refused and told host and process; released, the folder is as it was",
    arguments: [nil, FolderLock.Reach.thisMachine, .unknown])
  func second(reach: FolderLock.Reach?) throws {
    let scratch = try Scratch()
    let lock = try taken(take(scratch, reach: reach))
    guard case .held(let holder) = try take(scratch, reach: reach) else {
      Issue.record("taken twice")
      return
    }
    #expect(holder.hasPrefix("process \(getpid()) on host "))
    #expect(holder.contains(ProcessInfo.processInfo.hostName))
    lock.release()
    #expect(try scratch.names.isEmpty)
    try taken(take(scratch, reach: reach)).release()
  }

  /// A record as a process on another machine writes it.
  private func strangersRecord(beats: Int) -> [UInt8] {
    Array("abc\nnode7\n4711\n99\nanother boot pid:[1]\n2026-01-01T00:00:00Z\n\(beats)\n".utf8)
  }

  @Test(
    "Where locks reach one machine only, the record of another one is watched: one that stands still is a dead owner's")
  func deadStranger() throws {
    let scratch = try Scratch()
    try scratch.write(strangersRecord(beats: 3), to: FolderLock.fileName)
    var watched: [String] = []
    let lock = try taken(take(scratch, reach: .unknown) { watched.append($0) })
    #expect(watched == ["process 4711 on host node7, since 2026-01-01T00:00:00Z"])
    lock.release()
  }

  @Test("… and one that changes is a living owner's")
  func livingStranger() throws {
    let scratch = try Scratch()
    let file = try scratch.write(strangersRecord(beats: 3), to: FolderLock.fileName)
    let next = strangersRecord(beats: 4)
    Thread.detachNewThread {
      usleep(300_000)
      try? Data(next).write(to: file)
    }
    guard case .held(let holder) = try take(scratch, reach: .unknown, watch: .seconds(20)) else {
      Issue.record("taken from a living owner")
      return
    }
    #expect(holder.contains("process 4711 on host node7"))
  }

  @Test(
    "A killed owner of this machine is dead at once, whatever it left",
    arguments: [FolderLock.Reach.thisMachine, .unknown])
  func deadNeighbour(reach: FolderLock.Reach) throws {
    let scratch = try Scratch()
    // The record of this process, with a process id that nobody has.
    let lock = try taken(take(scratch))
    var fields = try scratch.text(FolderLock.fileName).split(separator: "\n", omittingEmptySubsequences: false).map(
      String.init)
    lock.release()
    fields[2] = "\(Int32.max)"
    try scratch.write(Array(fields.joined(separator: "\n").utf8), to: FolderLock.fileName)
    var watched = 0
    try taken(take(scratch, reach: reach, watch: .seconds(60)) { _ in watched += 1 }).release()
    #expect(watched == 0)
  }

  @Test("A file that makes no sense is nobody's")
  func nonsense() throws {
    for text in ["", "x", "a\nb\n-3\nd\ne\nf\n0\n", String(repeating: "\n", count: 5000)] {
      let scratch = try Scratch()
      try scratch.write(Array(text.utf8), to: FolderLock.fileName)
      try taken(take(scratch, reach: .unknown)).release()
    }
  }
}
