import Foundation
import Preferences
import Synchronization
import Testing

@Suite("The token cache")
struct TokenCacheTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func `What comes out of the cache is what went in, in every detail`() throws {
    for options in [PairOptions(maxLength: 40), PairOptions(maxLength: 12, truncationMode: .keepEnd)] {
      let made = try CachedPairs.generated(options: options)
      let cache = folder.cache()
      let key = try folder.key(options: options)
      let first = cache.file(for: { key }, options: options) { made }
      let second = try cache.file(for: { key }, options: options) { throw Unexpected() }
      for file in [first, second] { expectEqual(file, made) }
    }
  }

  @Test func `A second start makes nothing, and says where the tokens came from`() throws {
    let (key, options) = (try folder.key(), PairOptions())
    let made = try CachedPairs.generated(options: options)
    var events: [TokenCache.Event] = []
    _ = folder.cache().file(for: { key }, options: options, report: { events.append($0) }) { made }
    _ = try folder.cache().file(for: { key }, options: options, report: { events.append($0) }) { throw Unexpected() }
    guard case .kept(let kept, let bytes) = events.first, case .found(let found) = events.last else {
      return #expect(Bool(false), "\(events)")
    }
    #expect(events.count == 2)
    #expect(kept == found)
    #expect(try Data(contentsOf: URL(fileURLWithPath: found)).count == bytes)
    // Neither locks nor unfinished files stay.
    #expect(folder.cacheNames == [URL(fileURLWithPath: found).lastPathComponent])
  }

  @Test func `A file that is cut off or changed anywhere is detected, removed, and made again`() throws {
    let (key, options) = (try folder.key(), PairOptions(maxLength: 40))
    let made = try CachedPairs.generated(count: 6, options: options)
    let cache = folder.cache()
    _ = cache.file(for: { key }, options: options) { made }
    let file = cache.folder.appendingPathComponent(try #require(folder.cacheNames.first))
    let whole = try Data(contentsOf: file)
    var damages =
      [Data(), whole + Data([0])] + [8, 100, 112, whole.count / 2, whole.count - 1].map { whole.prefix($0) }
    for place in stride(from: 0, to: whole.count, by: max(1, whole.count / 211)) {
      var flipped = whole
      flipped[place] ^= 1 << (place % 8)
      damages.append(flipped)
    }
    for damaged in damages {
      try damaged.write(to: file)
      var events: [TokenCache.Event] = []
      var times = 0
      let again = cache.file(for: { key }, options: options, report: { events.append($0) }) {
        times += 1
        return made
      }
      #expect(times == 1)
      #expect(events.contains { if case .damaged = $0 { true } else { false } })
      expectEqual(again, made)
      #expect(try Data(contentsOf: file) == whole)
    }
  }

  @Test func `A file under another key's name is not taken`() throws {
    let options = PairOptions()
    let made = try CachedPairs.generated(options: options)
    let cache = folder.cache()
    let key = try folder.key()
    _ = cache.file(for: { key }, options: options) { made }
    let name = try #require(folder.cacheNames.first)
    let other = try folder.key(program: "another")
    var taken = ""
    _ = cache.file(for: { other }, options: options, report: { if case .kept(let file, _) = $0 { taken = file } }) {
      made
    }
    let stray = URL(fileURLWithPath: taken)
    try FileManager.default.removeItem(at: stray)
    try FileManager.default.copyItem(at: cache.folder.appendingPathComponent(name), to: stray)
    var times = 0
    _ = cache.file(for: { other }, options: options) {
      times += 1
      return made
    }
    #expect(times == 1)
  }

  @Test func `Of eight that start at once, one tokenizes and the others wait for it`() throws {
    let (key, options) = (try folder.key(), PairOptions())
    let made = try CachedPairs.generated(options: options)
    let times = Mutex(0)
    let notices = Mutex<[TokenCache.Event]>([])
    let results = Mutex<[TokenizedFile]>([])
    let cache = folder.cache()
    // Threads of their own: each opens the lock file itself, as processes do.
    let threads = (0..<8).map { _ in
      Thread {
        let file = cache.file(for: { key }, options: options) { event in
          if case .waiting = event { notices.withLock { $0.append(event) } }
        } make: {
          times.withLock { $0 += 1 }
          Thread.sleep(forTimeInterval: 1.3)
          return made
        }
        results.withLock { $0.append(file) }
      }
    }
    threads.forEach { $0.start() }
    let deadline = Date() + 60
    while results.withLock({ $0.count }) < 8, Date() < deadline { Thread.sleep(forTimeInterval: 0.01) }
    #expect(times.withLock { $0 } == 1)
    #expect(results.withLock { $0.count } == 8)
    for file in results.withLock({ $0 }) { expectEqual(file, made) }
    #expect(notices.withLock { $0.count } == 7)
    guard case .waiting(_, let holder)? = notices.withLock({ $0.first }) else { return }
    #expect(holder.contains("process \(getpid()) on "))
  }

  @Test func `When the one that tokenizes fails, the next tries itself`() throws {
    let (key, options) = (try folder.key(), PairOptions())
    let made = try CachedPairs.generated(options: options)
    #expect(throws: Unexpected.self) {
      try folder.cache().file(for: { key }, options: options) { throw Unexpected() }
    }
    #expect(folder.cacheNames.isEmpty)
    expectEqual(folder.cache().file(for: { key }, options: options) { made }, made)
  }

  @Test func `What was made of files that changed meanwhile is used, and not kept`() throws {
    let options = PairOptions()
    let made = try CachedPairs.generated(options: options)
    var events: [TokenCache.Event] = []
    _ = try folder.cache().file(for: { try folder.key() }, options: options, report: { events.append($0) }) {
      try folder.write("changed\n", to: "pairs.jsonl")
      return made
    }
    guard case .notKept(let reason)? = events.first else { return #expect(Bool(false), "\(events)") }
    #expect(reason.contains("changed"))
    #expect(folder.cacheNames.isEmpty)
  }

  @Test func `Without a key, and where nothing can be written, it is as if there were no cache`() throws {
    let options = PairOptions()
    let made = try CachedPairs.generated(options: options)
    expectEqual(folder.cache().file(for: { throw Unexpected() }, options: options) { made }, made)

    let key = try folder.key()
    try folder.write("a file", to: "in-the-way")
    let blocked = TokenCache(folder: folder.url.appendingPathComponent("in-the-way/tokens"))
    var events: [TokenCache.Event] = []
    expectEqual(blocked.file(for: { key }, options: options, report: { events.append($0) }) { made }, made)
    guard case .notKept? = events.first else { return #expect(Bool(false), "\(events)") }
    #expect(events.count == 1)

    let small = TokenCache(folder: folder.url.appendingPathComponent("cache"), limit: 100)
    expectEqual(small.file(for: { key }, options: options) { made }, made)
    #expect(folder.cacheNames.isEmpty)
  }

  @Test(.enabled(if: getuid() == 0, "needs root, for a file system that is full"))
  func `A full disk is no error, and leaves no files`() throws {
    let disk = folder.url.appendingPathComponent("disk")
    try FileManager.default.createDirectory(at: disk, withIntermediateDirectories: false)
    guard try shell("mount -t tmpfs -o size=16k tmpfs '\(disk.path)'") else { return }
    defer { _ = try? shell("umount '\(disk.path)'") }
    let options = PairOptions(maxLength: 400)
    let made = try CachedPairs.generated(count: 400, options: options)
    let key = try folder.key()
    var events: [TokenCache.Event] = []
    let cache = TokenCache(folder: disk.appendingPathComponent("tokens"))
    expectEqual(cache.file(for: { key }, options: options, report: { events.append($0) }) { made }, made)
    guard case .notKept(let reason)? = events.first else { return #expect(Bool(false), "\(events)") }
    #expect(reason.contains("no space is left"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: cache.folder.path).isEmpty)
  }

  @Test func `The files not used for longest make room for new ones`() throws {
    let options = PairOptions()
    let made = try CachedPairs.generated(options: options)
    var names: [String] = []
    func start(_ program: String, limit: Int = 1 << 30) throws {
      let key = try folder.key(program: program)
      _ = folder.cache(limit: limit).file(
        for: { key }, options: options, report: { if case .kept(let file, _) = $0 { names.append(file) } }
      ) { made }
    }
    for program in ["a", "b", "c"] { try start(program) }
    let size = try Data(contentsOf: URL(fileURLWithPath: names[0])).count
    for (name, age) in zip(names, [300.0, 200, 100]) {
      try FileManager.default.setAttributes([.modificationDate: Date() - age], ofItemAtPath: name)
    }
    try start("a")  // used again: now b is the oldest
    try folder.write("left by a writer that died", to: "cache/.x.tokens.partial-0123456789abcdef")
    try start("d", limit: 3 * size)
    #expect(folder.cacheNames.count == 3)
    #expect(names.map { FileManager.default.fileExists(atPath: $0) } == [true, false, true, true])
  }

  @Test func `The environment says where the cache is`() {
    func path(_ environment: [String: String]) -> String? { TokenCache.standardFolder(environment: environment)?.path }
    #expect(path(["MINIMIND_DPO_CACHE": "/c", "XDG_CACHE_HOME": "/x", "HOME": "/h"]) == "/c/tokens")
    #expect(path(["MINIMIND_DPO_CACHE": "", "XDG_CACHE_HOME": "/x", "HOME": "/h"]) == "/x/minimind-dpo/tokens")
    #expect(path(["XDG_CACHE_HOME": "relative", "HOME": "/h"]) == "/h/.cache/minimind-dpo/tokens")
    #expect(path(["MINIMIND_DPO_CACHE": "off", "HOME": "/h"]) == nil)
    #expect(path([:]) == nil)
  }
}
