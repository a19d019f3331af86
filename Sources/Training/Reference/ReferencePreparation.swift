import DPO
import MiniMind
import Preferences
import Torch

/// What it took to know the reference's log-probabilities of pairs before they are needed.
public struct ReferencePreparation: Sendable {
  /// The different pairs.
  public var pairs = 0
  /// Those that the cache on disk knew.
  public var found = 0
  /// Those that were computed now.
  public var computed = 0
  /// How long all of it took.
  public var seconds = 0.0
  /// Whether all are known now; false where a rank was asked to stop, and what was computed until then is kept.
  public var isComplete = true

  /// Nothing was to be found out.
  public init() {}

  /// Two preparations, one after the other.
  public static func += (sum: inout ReferencePreparation, other: ReferencePreparation) {
    sum.pairs += other.pairs
    sum.found += other.found
    sum.computed += other.computed
    sum.seconds += other.seconds
    sum.isComplete = sum.isComplete && other.isComplete
  }
}

extension ReferenceModel {
  /// Pairs of each rank between two exchanges of log-probabilities.
  private static let pairsOfRound = 256
  /// Seconds of computing that a killed process may lose.
  private static let secondsBetweenSaves = 60.0

  /// Finds out the log-probabilities of pairs, where results are kept: what the cache on disk does not know, the ranks compute
  /// together. All ranks call this.
  ///
  /// - Parameters:
  ///   - cache: the cache on disk, which the first rank uses; nil for none
  ///   - report: told what happens to the cache
  ///   - progress: told the number of pairs computed, of all processes as far as this one can tell, and the number to compute
  ///   - stops: asked between micro-batches: whether this process was asked to stop
  /// - Throws: `TorchError` when LibTorch or another rank fails.
  @discardableResult
  public func prepare(
    _ pairs: [TokenizedPair], options: TrainingOptions, ranks: Ranks? = nil, cache: ReferenceCache? = nil,
    report: @escaping (ReferenceCache.Event) -> Void = { _ in }, progress: (Int, Int) -> Void = { _, _ in },
    stops: () -> Bool = { false }
  ) throws(TorchError) -> ReferencePreparation {
    guard let results else { return ReferencePreparation() }
    let started = ContinuousClock.now
    var outcome = ReferencePreparation()
    let distinct = self.distinct(pairs)
    outcome.pairs = distinct.count
    let store = try ranks.isFirst ? self.store(in: cache, options: options, report: report) : nil
    outcome.found = try results.recall(distinct.compactMap { digest(of: $0.index) }, from: store, ranks: ranks)
    let known = results.count
    outcome.isComplete = try compute(distinct, options: options, ranks: ranks, store: store, progress, stops)
    if let store { results.save(to: store) }
    outcome.computed = results.count - known
    outcome.seconds = (ContinuousClock.now - started) / .seconds(1)
    return outcome
  }

  /// - Returns: whether all are known now
  private func compute(
    _ pairs: [TokenizedPair], options: TrainingOptions, ranks: Ranks?, store: ReferenceResults.Store?,
    _ progress: (Int, Int) -> Void, _ stops: () -> Bool
  ) throws(TorchError) -> Bool {
    guard let results else { return true }
    func digests(_ pairs: [TokenizedPair]) -> [PairDigest] { pairs.compactMap { digest(of: $0.index) } }
    func isKnown(_ index: Int) -> Bool { digest(of: index).map { results[$0] != nil } ?? true }
    let work = PairWork(model.configuration, sharesPrefix: options.sharesPrefix)
    let pending = pairs.filter { digest(of: $0.index).map { !results.isRecalled($0) } ?? false }
    var lastSave = ContinuousClock.now
    // In rounds, so that no rank waits for slower ones as long as a collective operation may take. Rounds and micro-batches
    // do not depend on what was computed already: a pass that is continued gives the same bits as an uninterrupted one.
    let size = Self.pairsOfRound * ranks.size
    for start in stride(from: 0, to: pending.count, by: size) {
      let round = Array(pending[start..<min(start + size, pending.count)])
      let missing = digests(round).filter { results[$0] == nil }
      if missing.isEmpty { continue }
      var done = 0
      var passes = ForwardPasses(over: ranks.share(of: round, by: work), options: options)
      while let packed = passes.next, !stops() {
        do throws(TorchError) {
          if !packed.pairIndices.allSatisfy(isKnown) {
            _ = try logProbabilities(DeviceBatch(packed, device: model.device), of: packed.pairIndices)
          }
        } catch {
          try passes.shrink(after: error)
          continue
        }
        passes.advance()
        done += packed.pairCount
        progress(start + min(done * ranks.size, round.count), pending.count)
      }
      guard try results.share(missing, among: ranks) else { return false }
      if let store, (ContinuousClock.now - lastSave) / .seconds(1) > Self.secondsBetweenSaves {
        results.save(to: store)
        lastSave = .now
      }
    }
    return true
  }

  /// One of each kind of pair, the longest first.
  private func distinct(_ pairs: [TokenizedPair]) -> [TokenizedPair] {
    var seen: Set<PairDigest> = []
    return pairs.sorted { ($0.treeLength, $1.index) > ($1.treeLength, $0.index) }
      .filter { digest(of: $0.index).map { seen.insert($0).inserted } ?? false }
  }

  /// Where this model's results are on disk: under all that decides the numbers but the pair.
  private func store(
    in cache: ReferenceCache?, options: TrainingOptions, report: @escaping (ReferenceCache.Event) -> Void
  ) throws(TorchError) -> ReferenceResults.Store? {
    guard let cache else { return nil }
    let device = if case .cpu = model.device { "a CPU" } else { "a GPU" }
    let key = cache.key(
      model: "weights \(try contentHash())\nconfiguration \(model.configuration)",
      variant: "\(model.productType) on \(device)\nshares prefixes \(options.sharesPrefix)\n\(options.referenceVariant)"
        + (excessTokenWeight.map { "\nexcess tokens count \($0)" } ?? "")
    )
    return ReferenceResults.Store(cache: cache, key: key, report: report)
  }
}

extension Trainer {
  /// Finds out the reference's log-probabilities of all pairs that the run will see, where they are kept; see
  /// `ReferenceModel.prepare`.
  ///
  /// - Throws: `TorchError` when LibTorch or another rank fails.
  @discardableResult
  public func prepareReference(
    cache: ReferenceCache? = nil, report: @escaping (ReferenceCache.Event) -> Void = { _ in },
    progress: (Int, Int) -> Void = { _, _ in }, stops: () -> Bool = { false }
  ) throws(TorchError) -> ReferencePreparation {
    guard let reference, reference.keepsResults else { return ReferencePreparation() }
    activity.set(.reference)
    return try reference.prepare(
      pairsOfRun, options: options, ranks: ranks, cache: cache, report: report, progress: progress, stops: stops)
  }
}
