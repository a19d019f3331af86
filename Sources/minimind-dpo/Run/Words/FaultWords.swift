import Observability
import OrderedJSON
import Preferences
import Training

/// What is said where a run's numbers go wrong, in both languages.
enum FaultWords {
  /// What is to blame for a step that was left out.
  static func notFinite(_ found: NotFiniteStep, files: [String]) -> Phrase {
    let places = found.pairs.map { $0.place(in: files) }
    let tensors = if case .weights(let names) = found.cause { names } else { [String]() }
    return Phrase(
      en: found.description(files: files),
      zh: chinese(found.cause.name, places: places, count: found.pairs.count, tensors: tensors))
  }

  /// The same from what a run recorded; where it is one of an earlier version, in its own words.
  static func notFinite(_ event: RunEvent) -> Phrase {
    let places = event.values["pairs"]?.array?.compactMap(\.string) ?? []
    guard let cause = event.values["cause"]?.string, let count = event.values["pair_count"]?.int else {
      return Phrase(event.message)
    }
    let tensors = event.values["tensors"]?.array?.compactMap(\.string) ?? []
    return Phrase(en: event.message, zh: chinese(cause, places: places, count: count, tensors: tensors))
  }

  /// What a run records of a step that was left out, beside the English words.
  static func values(_ found: NotFiniteStep, files: [String]) -> JSON.Object {
    var values: JSON.Object = [
      "pairs": .array(found.pairs.prefix(64).map { .string($0.place(in: files)) }),
      "pair_count": .integer(found.pairs.count), "cause": .string(found.cause.name),
    ]
    if case .weights(let names) = found.cause { values["tensors"] = .array(names.prefix(64).map(JSON.string)) }
    return values
  }

  private static func chinese(_ cause: String, places: [String], count: Int, tensors: [String]) -> String {
    let list = places.prefix(8).joined(separator: "、") + (count > 8 ? " 等 \(count) 个偏好对" : "")
    switch cause {
    case "weights":
      let names = tensors.prefix(3).joined(separator: "、") + (tensors.count > 3 ? " 等 \(tensors.count) 个张量" : "")
      return "权重本身已不是有限的数：\(tensors.isEmpty ? "在另一个 rank 上" : names)"
    case "reference": return "参考模型对 \(list) 的对数概率不是有限的数"
    case "pairs": return "\(list) 的对数概率或损失不是有限的数"
    default: return "所有对数概率都是有限的数，说明梯度溢出；这一步的偏好对：\(list)"
    }
  }

  /// A step whose gradients left float16's range.
  static func overflow(step: Int, scale: String) -> Phrase {
    Phrase(
      en: "step \(step): gradients left float16's range; this update was left out; the loss scale is now \(scale)",
      zh: "第 \(step) 步：梯度超出 float16 的范围，跳过了这次更新；损失缩放现在是 \(scale)")
  }

  /// A step whose update was left out.
  static func skipped(step: Int, isJob: Bool, _ reason: Phrase) -> Phrase {
    Phrase(
      en: "step \(step): the gradient is not a finite number; this update was left out\(isJob ? " on all ranks" : ""): "
        + reason.en,
      zh: "第 \(step) 步：梯度不是有限的数，\(isJob ? "所有 rank 都" : "")跳过了这次更新：\(reason.zh)")
  }

  /// The end of a run before its last step.
  static func ends(afterStep step: Int, of total: Int, _ reason: Phrase) -> Phrase {
    Phrase(
      en: "the run ends after step \(step) of \(total): \(reason.en)",
      zh: "训练在第 \(step) 步（共 \(total) 步）之后结束：\(reason.zh)")
  }

  /// The policy has moved further from the reference than it may (`--stop-on-kl`).
  static func diverged(by divergence: String, limit: String) -> Phrase {
    Phrase(
      en: "the policy has moved \(divergence) nats an answer from the reference, more than \(limit) (--stop-on-kl)",
      zh: "策略模型与参考模型平均每个回答相差 \(divergence) nat，超过了 \(limit)（--stop-on-kl）")
  }

  /// The guard texts became less likely than they may (`--stop-on-forgetting`).
  static func forgot(_ change: String, limit: String) -> Phrase {
    Phrase(
      en: "the loss per token of the guard texts has risen by \(change), more than \(limit) (--stop-on-forgetting)",
      zh: "守护文本每个 token 的损失上升了 \(change)，超过了 \(limit)（--stop-on-forgetting）")
  }

  /// Evaluations no longer improve.
  static func stalled(_ metric: String, evaluations: Int, best: String, atStep step: Int, now: String) -> Phrase {
    Phrase(
      en:
        "\(metric) has not improved in \(HumanText.counted(evaluations, "evaluation")) (best: \(best) after step \(step); "
        + "now \(now))",
      zh: "\(metric) 已连续 \(evaluations) 次评估没有改善（最好：第 \(step) 步之后的 \(best)；现在 \(now)）")
  }

  /// The answers to the sample prompts have broken down.
  static func degenerated(_ findings: [Phrase]) -> Phrase {
    Phrase(
      en: "the answers to the sample prompts break down: " + findings.map(\.en).joined(separator: "; "),
      zh: "对抽样提示的回答已退化：" + findings.map(\.zh).joined(separator: "；"))
  }
}

extension NotFiniteStep.Cause {
  /// A stable name for programs.
  fileprivate var name: String {
    switch self {
    case .weights: "weights"
    case .reference: "reference"
    case .pairs: "pairs"
    case .gradient: "gradient"
    }
  }
}
