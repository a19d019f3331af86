import Foundation
import Preferences
import Synchronization
import Testing

@Suite("Preparing ahead", .timeLimit(.minutes(10)))
struct PrefetcherTests {
  /// Counts up to a limit, and how far it got.
  private final class Source: Sendable {
    private let count = Mutex(0)
    private let limit: Int

    init(limit: Int = .max) { self.limit = limit }

    var made: Int { count.withLock(\.self) }

    func next() -> Int? {
      count.withLock { count in
        guard count < limit else { return nil }
        count += 1
        return count
      }
    }
  }

  @Test(arguments: [1, 2, 5]) func `Items come in order, each once, and the end stays the end`(depth: Int) {
    let source = Source(limit: 100)
    let prefetcher = Prefetcher(depth: depth, next: source.next)
    for number in 1...100 { #expect(prefetcher.next() == number) }
    for _ in 0..<3 { #expect(prefetcher.next() == nil) }
  }

  @Test func `An empty sequence ends at once`() {
    let prefetcher = Prefetcher<Int> { nil }
    #expect(prefetcher.next() == nil)
    #expect(prefetcher.next() == nil)
  }

  @Test func `No more than the depth is prepared ahead`() async throws {
    let source = Source()
    let prefetcher = Prefetcher(depth: 3, next: source.next)
    while source.made < 3 { try await Task.sleep(for: .milliseconds(1)) }
    try await Task.sleep(for: .milliseconds(20))
    #expect(source.made == 3)
    #expect(prefetcher.next() == 1)
    while source.made < 4 { try await Task.sleep(for: .milliseconds(1)) }
    try await Task.sleep(for: .milliseconds(20))
    #expect(source.made == 4)
    prefetcher.cancel()
  }

  @Test func `After a cancellation what is ready can be had, then it ends; a second one does no harm`() async throws {
    let source = Source()
    let prefetcher = Prefetcher(depth: 2, next: source.next)
    while source.made < 2 { try await Task.sleep(for: .milliseconds(1)) }
    prefetcher.cancel()
    prefetcher.cancel()
    var items: [Int] = []
    while let item = prefetcher.next() { items.append(item) }
    #expect(items == [1, 2])
    #expect(source.made == 2)
  }

  @Test func `It can be let go in any state: unused, half used, cancelled, at its end, with the thread gone`()
    async throws
  {
    for used in 0...6 {
      for cancels in [true, false] where cancels || used > 4 {
        weak var released: Prefetcher<Int>?
        do {
          let prefetcher = Prefetcher(depth: 2, next: Source(limit: 4).next)
          released = prefetcher
          for _ in 0..<used { _ = prefetcher.next() }
          if cancels { prefetcher.cancel() }
        }
        // The background thread holds it until it has ended.
        while released != nil { try await Task.sleep(for: .milliseconds(1)) }
      }
    }
  }
}
