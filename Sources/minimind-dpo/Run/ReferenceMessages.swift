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
      logger.warning(
        Phrase(
          en: "\(file) is not used: \(reason); it was removed, and the reference is computed again",
          zh: "不使用 \(file)：\(reason)；已删除，重新计算参考模型的对数概率"))
    case .notKept(let reason):
      logger.info(
        Phrase(
          en: "the reference's log-probabilities are not kept for other runs: \(reason)",
          zh: "参考模型的对数概率不留给以后的训练：\(reason)"))
    case .kept(let file, let pairs, let bytes):
      logger.debug("\(HumanText.counted(pairs, "pair")) of the reference, \(HumanText.bytes(bytes)), in \(file)")
    }
  }

  /// How many pairs were known, and how many had to be computed.
  func tell(_ prepared: ReferencePreparation) {
    // Later trials of a sweep know all from the first one.
    guard prepared.found + prepared.computed > 0 || !prepared.isComplete else { return }
    let known = prepared.pairs - prepared.found - prepared.computed
    func part(_ count: Int, _ en: String, _ zh: String) -> Phrase {
      Phrase(en: "\(HumanText.grouped(count)) \(en)", zh: "\(zh) \(HumanText.grouped(count))")
    }
    var parts: [Phrase] = []
    if known > 0, prepared.isComplete { parts.append(part(known, "known already", "已知")) }
    if prepared.found > 0 { parts.append(part(prepared.found, "found on disk", "从磁盘读取")) }
    parts.append(part(prepared.computed, "computed", "新计算"))
    let seconds = HumanText.fixed(prepared.seconds, 1)
    logger.info(
      Phrase(
        en:
          "reference: \(HumanText.counted(prepared.pairs, "pair")): \(parts.map(\.en).joined(separator: ", ")), in \(seconds) s",
        zh: "参考模型：\(HumanText.grouped(prepared.pairs)) 个偏好对（\(parts.map(\.zh).joined(separator: "，"))），用时 "
          + "\(seconds) 秒"))
  }
}
