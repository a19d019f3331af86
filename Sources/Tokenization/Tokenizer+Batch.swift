import Dispatch
import Foundation
import Synchronization

extension Tokenizer {
  /// The ids of many texts, in their order, computed on all cores.
  /// - Parameters:
  ///   - texts: the texts.
  ///   - addSpecialTokens: whether the post-processor's tokens are put around each.
  public func encode(batch texts: [String], addSpecialTokens: Bool = false) -> [[Int32]] {
    let workers = min(ProcessInfo.processInfo.activeProcessorCount, texts.count)
    guard workers > 1 else {
      return pool.withWorkspace { workspace in
        texts.map { encode($0, addSpecialTokens: addSpecialTokens, &workspace) }
      }
    }
    // Small shares, so that no core waits long for the one with the long texts; not so small that taking one becomes expensive.
    let share = max(1, min(32, texts.count / (workers * 16)))
    let next = Atomic(0)
    return [[Int32]](unsafeUninitializedCapacity: texts.count) { results, count in
      // Each index is written by the one worker that took it, and read after all have finished.
      nonisolated(unsafe) let results = results
      DispatchQueue.concurrentPerform(iterations: workers) { _ in
        pool.withWorkspace { workspace in
          while true {
            let start = next.wrappingAdd(share, ordering: .relaxed).oldValue
            guard start < texts.count else { return }
            for index in start..<min(start + share, texts.count) {
              let ids = encode(texts[index], addSpecialTokens: addSpecialTokens, &workspace)
              results.initializeElement(at: index, to: ids)
            }
          }
        }
      }
      count = texts.count
    }
  }
}
