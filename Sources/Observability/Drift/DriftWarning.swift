import OrderedJSON

extension DriftGuard {
  /// What was found, with the numbers that it rests on.
  public enum Warning: Hashable, Sendable {
    /// For so many steps the loss has stayed at a value, close to where it began; the learning rate, and all steps so far.
    case nothingLearnt(stillSteps: Int, loss: Double, start: Double, learningRate: Double, steps: Int)
    /// What became of the log-probabilities of both sides, summed over their tokens.
    case displacement(chosen: Change, rejected: Change)

    /// A mean log-probability at the reference and now.
    public struct Change: Hashable, Sendable {
      /// That of the reference.
      public var before: Double
      /// That of the policy.
      public var now: Double

      /// A change.
      public init(before: Double, now: Double) { (self.before, self.now) = (before, now) }
    }

    /// Which of the two it is.
    public var kind: Kind {
      switch self {
      case .nothingLearnt: .nothingLearnt
      case .displacement: .displacement
      }
    }

    /// What was found, without its last full stop.
    public var finding: Phrase {
      switch self {
      case .nothingLearnt(let still, let loss, let start, let learningRate, let steps):
        let (now, began) = (HumanText.fixed(loss, 4), HumanText.fixed(start, 4))
        let (rate, most) = (HumanText.short(learningRate), HumanText.short(learningRate * Double(steps)))
        return Phrase(
          en:
            "nothing is learnt so far: for \(HumanText.counted(still, "step")) the loss has stayed at \(now), where it began "
            + "(\(began)). At a learning rate of \(rate) no weight can have moved by much more than \(most) in "
            + "\(HumanText.counted(steps, "step")), where weights are of the order of 0.02",
          zh: "到目前为止什么也没学到：连续 \(HumanText.grouped(still)) 步，损失一直停在 \(now)，与开始时（\(began)）一样。"
            + "学习率为 \(rate) 时，\(HumanText.grouped(steps)) 步里任何权重的变化都不会比 \(most) 大多少，而权重的量级是 0.02")
      case .displacement(let chosen, let rejected):
        func fixed(_ value: Double) -> String { HumanText.fixed(value, 1) }
        return Phrase(
          en:
            "both answers become improbable (likelihood displacement): the log-probability of the chosen ones fell from "
            + "\(fixed(chosen.before)) to \(fixed(chosen.now)), of the rejected ones from \(fixed(rejected.before)) to "
            + "\(fixed(rejected.now)). The margin grows, and the model unlearns what it should say",
          zh: "两个回答的概率都在下降（似然位移）：优选回答的对数概率从 \(fixed(chosen.before)) 降到 \(fixed(chosen.now))，劣选回答从 "
            + "\(fixed(rejected.before)) 降到 \(fixed(rejected.now))。奖励差在增大，模型却在忘掉应该说的话")
      }
    }

    /// What to do about it, without its full stop.
    public var remedy: Phrase {
      switch self {
      case .nothingLearnt:
        Phrase(
          en: "Raise --learning-rate in steps of three (sweep finds one), or train on more pairs",
          zh: "请把 --learning-rate 每次提高到三倍（sweep 可以找到合适的值），或用更多偏好对训练")
      case .displacement:
        Phrase(
          en:
            "Add the chosen answers' own likelihood (--loss-type sigmoid sft, or --rpo-alpha 1), take --loss-type dpop, lower "
            + "--learning-rate or raise --beta",
          zh: "请加上优选回答自身的似然（--loss-type sigmoid sft，或 --rpo-alpha 1），改用 --loss-type dpop，降低 --learning-rate，"
            + "或提高 --beta")
      }
    }

    /// What was found and what to do.
    public var words: Phrase { finding + Phrase(en: ". ", zh: "。") + remedy }

    /// The numbers by name, with `kind`, as a run's events keep them.
    public var values: JSON.Object {
      switch self {
      case .nothingLearnt(let still, let loss, let start, let learningRate, let steps):
        [
          "kind": .string(kind.rawValue), "still_steps": .integer(still), "loss": .number(loss),
          "start_loss": .number(start), "learning_rate": .number(learningRate), "steps": .integer(steps),
        ]
      case .displacement(let chosen, let rejected):
        [
          "kind": .string(kind.rawValue), "chosen_before": .number(chosen.before), "chosen_now": .number(chosen.now),
          "rejected_before": .number(rejected.before), "rejected_now": .number(rejected.now),
        ]
      }
    }

    /// Reads what `values` wrote; nil where it is something else, as in runs of earlier versions.
    public init?(_ values: JSON.Object) {
      func number(_ name: String) -> Double? { values[name]?.double }
      switch values["kind"]?.string.flatMap(Kind.init) {
      case .nothingLearnt:
        guard let still = values["still_steps"]?.int, let loss = number("loss"), let start = number("start_loss"),
          let rate = number("learning_rate"), let steps = values["steps"]?.int
        else { return nil }
        self = .nothingLearnt(stillSteps: still, loss: loss, start: start, learningRate: rate, steps: steps)
      case .displacement:
        guard let chosen = number("chosen_before"), let chosenNow = number("chosen_now"),
          let rejected = number("rejected_before"), let rejectedNow = number("rejected_now")
        else { return nil }
        self = .displacement(
          chosen: Change(before: chosen, now: chosenNow), rejected: Change(before: rejected, now: rejectedNow))
      case nil: return nil
      }
    }
  }
}
