import DPO
import Preferences
import Torch

extension Trainer {
  /// Pairs of each rank between two exchanges of the reference's log-probabilities.
  private static let pairsOfReferenceRound = 256

  /// Computes the reference's log-probabilities of all pairs that the run will see, each rank its share, where the options
  /// say that they are kept; those that are known already are not computed again.
  ///
  /// - Parameters:
  ///   - progress: told the number of pairs done, of all processes as far as this one can tell, and the number to do
  ///   - stops: asked between micro-batches: whether this process was asked to stop
  /// - Returns: whether all are known now; where a rank was asked to stop, what was computed until then is kept
  /// - Throws: `TorchError` when LibTorch or another rank fails.
  @discardableResult
  public func prepareReference(
    progress: (Int, Int) -> Void = { _, _ in }, stops: () -> Bool = { false }
  ) throws(TorchError) -> Bool {
    guard options.cachesReference else { return true }
    activity.set(.reference)
    let seen = pairsOfRun.sorted { ($0.treeLength, $1.index) > ($1.treeLength, $0.index) }
    // In rounds, so that no rank waits for slower ones as long as a collective operation may take. Rounds and micro-batches are
    // the same whatever is known already: a pass that is continued gives the same bits as an uninterrupted one.
    let size = Self.pairsOfReferenceRound * ranks.size
    for start in stride(from: 0, to: seen.count, by: size) {
      let round = Array(seen[start..<min(start + size, seen.count)])
      let missing = round.map(\.index).filter { !reference.knows($0) }
      if missing.isEmpty { continue }
      var done = 0
      var passes = ForwardPasses(over: ranks.share(of: round, by: work), options: options)
      while let packed = passes.next, !stops() {
        do throws(TorchError) {
          if !packed.pairIndices.allSatisfy(reference.knows) {
            _ = try reference.logProbabilities(DeviceBatch(packed, device: device), of: packed.pairIndices)
          }
        } catch {
          try passes.shrink(after: error)
          continue
        }
        passes.advance()
        done += packed.pairCount
        progress(start + min(done * ranks.size, round.count), seen.count)
      }
      guard try reference.share(missing, among: ranks) else { return false }
    }
    return true
  }
}
