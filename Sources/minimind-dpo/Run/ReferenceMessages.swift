import Logging
import Observability
import Training

/// What the user hears of the reference's log-probabilities.
struct ReferenceMessages {
  let logger: Logger

  /// What happens to the cache on disk.
  func report(_ event: ReferenceCache.Event) {
    switch event {
    case .damaged(let file, let reason):
      logger.warning("\(file) is not used: \(reason); it was removed, and the reference is computed again")
    case .notKept(let reason): logger.info("the reference's log-probabilities are not kept for other runs: \(reason)")
    case .kept(let file, let pairs, let bytes):
      logger.debug("\(HumanText.counted(pairs, "pair")) of the reference, \(HumanText.bytes(bytes)), in \(file)")
    }
  }

  /// How many pairs were known, and how many had to be computed.
  func tell(_ prepared: ReferencePreparation) {
    // Later trials of a sweep know all from the first one.
    guard prepared.found + prepared.computed > 0 || !prepared.isComplete else { return }
    let known = prepared.pairs - prepared.found - prepared.computed
    var parts: [String] = []
    if known > 0, prepared.isComplete { parts.append("\(HumanText.grouped(known)) known already") }
    if prepared.found > 0 { parts.append("\(HumanText.grouped(prepared.found)) found on disk") }
    parts.append("\(HumanText.grouped(prepared.computed)) computed")
    logger.info(
      "reference: \(HumanText.counted(prepared.pairs, "pair")): \(parts.joined(separator: ", ")), in \(HumanText.fixed(prepared.seconds, 1)) s"
    )
  }
}
