import Dispatch
import Synchronization

/// Prepares the items of a sequence on a thread of its own, a few ahead of the consumer.
public final class Prefetcher<Item: Sendable>: Sendable {
  private struct State {
    var ready: [Item] = []
    var isCancelled = false
  }

  private let state = Mutex(State())
  private let readyCount = DispatchSemaphore(value: 0)
  private let freePlaces = DispatchSemaphore(value: 0)

  /// Starts to prepare.
  ///
  /// - Parameters:
  ///   - depth: how many items may be ready ahead
  ///   - next: makes the next item, or nil at the end; called on one background thread only
  public init(depth: Int = 2, next: @escaping @Sendable () -> Item?) {
    // Counted up from 0: Dispatch stops the program when a semaphore goes with less than it was made with.
    for _ in 0..<depth { freePlaces.signal() }
    DispatchQueue(label: "prefetch", qos: .userInitiated).async { [self] in
      while true {
        freePlaces.wait()
        if state.withLock(\.isCancelled) { break }
        guard let item = next() else { break }
        state.withLock { $0.ready.append(item) }
        readyCount.signal()
      }
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
