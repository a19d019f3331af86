import Foundation

/// A folder that one process works in. It is held until `release()`, or until the process ends, whatever ends it.
///
/// On disks of this machine it is a `flock` on a file in the folder, which the system drops when its holder dies. Locks on
/// network file systems may not exist, or may hold for one host only; there the holder also writes a new number into the
/// file every few seconds, and whoever finds a record of a process on another machine watches whether the number changes.
public final class FolderLock: Sendable {
  /// How an attempt to take a folder ended.
  public enum Outcome {
    /// This process holds it.
    case taken(FolderLock)
    /// Another process does; in words, with its host.
    case held(by: String)
  }

  /// Which processes see a lock on a file system.
  package enum Reach: Sendable {
    case thisMachine
    case unknown
  }

  /// The name of the file in the folder.
  public static let fileName = ".run-lock"
  /// How often the record changes where locks cannot be relied on, and how long a stranger's record is watched.
  package static let beat = Duration.seconds(10)
  package static let watch = Duration.seconds(35)

  /// `watch`, for messages.
  public static var seconds: Int { Int(watch / .seconds(1)) }

  private let path: String
  private let descriptor: Int32
  private let ending = DispatchSemaphore(value: 0)

  private init(path: String, descriptor: Int32) { (self.path, self.descriptor) = (path, descriptor) }

  deinit { close(descriptor) }

  /// Takes a folder that exists.
  ///
  /// - Parameters:
  ///   - reach: of the file system's locks; nil: as its kind says
  ///   - watch: how long the record of a process on another machine is watched
  ///   - waiting: told whom this process waits for, before it does
  /// - Throws: `FileError` of the reason `cannotWrite` when the file cannot be made.
  public static func take(_ folder: URL, waiting: (_ holder: String) -> Void) throws(FileError) -> Outcome {
    try take(folder, reach: nil, beat: beat, watch: watch, waiting: waiting)
  }

  /// As above; tests choose the file system's kind and shorter times.
  package static func take(
    _ folder: URL, reach: Reach?, beat: Duration, watch: Duration, waiting: (_ holder: String) -> Void
  ) throws(FileError) -> Outcome {
    let path = folder.appendingPathComponent(fileName).path
    while true {
      let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
      guard descriptor >= 0 else { throw FileError.cannotWrite(path, errno: errno) }
      let lock = FolderLock(path: path, descriptor: descriptor)
      var works = true
      if flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
        if errno == EINTR { continue }
        if errno == EWOULDBLOCK { return .held(by: LockRecord(descriptor)?.holder ?? "another process") }
        works = false
      }
      // The holder before may have removed the file while this process opened it.
      guard lock.isInPlace else { continue }
      if works, (reach ?? self.reach(of: descriptor)) == .thisMachine {
        lock.write(LockRecord())
        return .taken(lock)
      }
      if let record = LockRecord(descriptor), !record.isOfDead {
        waiting(record.holder)
        if changes(record, at: path, within: watch) { return .held(by: record.holder) }
      }
      let own = LockRecord()
      lock.write(own)
      if !works {
        // Two that start at the same moment: the one that wrote last goes on.
        Thread.sleep(forTimeInterval: 1)
        if let now = record(at: path), now.token != own.token { return .held(by: now.holder) }
      }
      lock.keepBeating(own, every: beat)
      return .taken(lock)
    }
  }

  /// A process that works in a folder.
  public struct Holder: Sendable {
    /// In words: process, host, since when.
    public let words: String
    /// Its number on its machine.
    public let process: Int32
    /// The name of that machine.
    public let host: String
    /// Since when it holds the folder, in ISO 8601.
    public let since: String
    /// Whether that is this machine, where its number says something.
    public let isHere: Bool
  }

  /// Who holds a folder; nil for nobody, or for a process of this machine that has died. Nothing is taken or waited for: of a
  /// process on another machine its record is believed.
  public static func holder(of folder: URL) -> Holder? {
    guard let record = record(at: folder.appendingPathComponent(fileName).path), !record.isOfDead else { return nil }
    return Holder(
      words: record.holder, process: record.process, host: record.host, since: record.since,
      isHere: record.isOfThisMachine)
  }

  /// Gives the folder back and removes the file.
  public func release() {
    ending.signal()
    if isInPlace { unlink(path) }
    flock(descriptor, LOCK_UN)
  }

  private var isInPlace: Bool {
    var mine = stat()
    var there = stat()
    return fstat(descriptor, &mine) == 0 && lstat(path, &there) == 0 && mine.st_ino == there.st_ino
      && mine.st_dev == there.st_dev
  }

  /// A failure, for instance on a full disk, only makes the words of a refused process vaguer.
  private func write(_ record: LockRecord) {
    let bytes = Array(record.text.utf8)
    _ = pwrite(descriptor, bytes, bytes.count, 0)
    ftruncate(descriptor, off_t(bytes.count))
  }

  private func keepBeating(_ record: LockRecord, every beat: Duration) {
    let pause = DispatchTimeInterval.milliseconds(Int(beat / .milliseconds(1)))
    Thread.detachNewThread { [weak self, ending] in
      var record = record
      while ending.wait(timeout: .now() + pause) == .timedOut {
        guard let self else { return }
        record.beats += 1
        self.write(record)
      }
    }
  }

  /// The record as another machine sees it: opened anew, since network file systems look for changes then.
  private static func record(at path: String) -> LockRecord? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    return LockRecord(descriptor)
  }

  private static func changes(_ record: LockRecord, at path: String, within limit: Duration) -> Bool {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
      usleep(200_000)
      if let now = self.record(at: path), now != record { return true }
    }
    return false
  }

  /// Disks of this machine are told from network and user-space file systems by `statfs`.
  private static func reach(of descriptor: Int32) -> Reach {
    #if canImport(Darwin)
      var status = statfs()
      guard fstatfs(descriptor, &status) == 0 else { return .unknown }
      return status.f_flags & UInt32(MNT_LOCAL) != 0 ? .thisMachine : .unknown
    #else
      // The C library has this function, but its headers do not expose it to Swift. The kind is the first word.
      typealias Function = @convention(c) (Int32, UnsafeMutableRawPointer) -> Int32
      guard let symbol = dlsym(nil, "fstatfs") else { return .unknown }
      var status = [Int](repeating: 0, count: 64)
      guard unsafeBitCast(symbol, to: Function.self)(descriptor, &status) == 0 else { return .unknown }
      // linux/magic.h: ext2 to ext4, XFS, Btrfs, tmpfs, overlay, F2FS, ZFS, bcachefs, ramfs.
      let local: Set<UInt32> = [
        0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x794C_7630, 0xF2F5_2010, 0x2FC1_2FC1, 0xCA45_1A4E, 0x8584_58F6,
      ]
      return local.contains(UInt32(truncatingIfNeeded: status[0])) ? .thisMachine : .unknown
    #endif
  }
}
