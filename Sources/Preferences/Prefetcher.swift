import Dispatch
import Synchronization

/// Prepares the items of a sequence on a thread of its own, a few ahead of the consumer.
public final class Prefetcher<Item: Sendable>: Sendable {
  private struct State {
    var ready: [Item] = []
    var isFinished = false
    var isCancelled = false
  }

  private let state = Mutex(State())
  private let readyCount = DispatchSemaphore(value: 0)
  private let freePlaces: DispatchSemaphore

  /// Starts to prepare.
  ///
  /// - Parameters:
  ///   - depth: how many items may be ready ahead
  ///   - next: makes the next item, or nil at the end; called on one background thread only
  public init(depth: Int = 2, next: @escaping @Sendable () -> Item?) {
    freePlaces = DispatchSemaphore(value: depth)
    DispatchQueue(label: "prefetch", qos: .userInitiated).async { [self] in
      while true {
        freePlaces.wait()
        if state.withLock(\.isCancelled) { break }
        guard let item = next() else { break }
        state.withLock { $0.ready.append(item) }
        readyCount.signal()
      }
      state.withLock { $0.isFinished = true }
      readyCount.signal()
    }
  }

  /// The next item, waiting for it if need be; nil after the last.
  public func next() -> Item? {
    readyCount.wait()
    let item = state.withLock { $0.ready.isEmpty ? nil : $0.ready.removeFirst() }
    if item == nil {
      readyCount.signal()  // The end stays the end for later calls.
    } else {
      freePlaces.signal()
    }
    return item
  }

  /// Lets the background thread end after the item it is making.
  public func cancel() {
    state.withLock { $0.isCancelled = true }
    freePlaces.signal()
  }
}
