import Dispatch
import Synchronization

/// Computes `count` results over all cores and returns them in order, whatever the order of execution was.
///
/// Work is handed out in small chunks, because conversations differ in length by orders of magnitude.
/// - Parameters:
///   - count: how many results.
///   - progress: called with (done, total) after each chunk, one call at a time, with `done` rising.
///   - body: computes the result at an index.
package func parallelMap<Result: Sendable>(
  count: Int, progress: (@Sendable (Int, Int) -> Void)? = nil, _ body: @Sendable (Int) -> Result
) -> [Result] {
  let chunk = 16
  let chunks = (count + chunk - 1) / chunk
  let results = Mutex<(chunks: [[Result]], done: Int)>((Array(repeating: [], count: chunks), 0))
  DispatchQueue.concurrentPerform(iterations: chunks) { index in
    let range = index * chunk..<min(count, (index + 1) * chunk)
    let computed = range.map(body)
    results.withLock {
      $0.chunks[index] = computed
      $0.done += computed.count
      progress?($0.done, count)
    }
  }
  return results.withLock { $0.chunks.flatMap { $0 } }
}
