import Observability
import Preferences

/// What a run says on its way, in both languages; what goes wrong is in `FaultWords`.
enum TrainingWords {
  /// Which model is trained, where. The last three parts may be empty.
  static func model(
    parameters: String, experts: Phrase, layers: Int, width: Int, precision: Phrase, device: String, threads: Int?,
    isJob: Bool, trained: Phrase
  ) -> Phrase {
    let inThreads =
      threads.map { Phrase(en: " with \(HumanText.counted($0, "thread"))", zh: "，\($0) 个线程") } ?? Phrase("")
    let each = isJob ? Phrase(en: " in each process", zh: "（每个进程）") : Phrase("")
    return Phrase(
      en: "model: \(parameters) parameters\(experts.en), \(layers) layers of \(width), \(precision.en) on \(device)"
        + "\(inThreads.en)\(each.en)\(trained.en)",
      zh: "模型：\(parameters) 参数\(experts.zh)，\(layers) 层，宽度 \(width)，\(precision.zh)，设备 \(device)\(inThreads.zh)"
        + "\(each.zh)\(trained.zh)")
  }

  static func trained(parameters: String, adapter: String) -> Phrase {
    Phrase(
      en: "; trained are the \(parameters) of an adapter: \(adapter)", zh: "；只训练适配器的 \(parameters) 参数：\(adapter)")
  }

  static func experts(active: String, perToken: Int, of count: Int) -> Phrase {
    Phrase(
      en: " (\(active) active: \(perToken) of \(count) experts a token)",
      zh: "（激活 \(active)：每个 token 用 \(count) 个专家中的 \(perToken) 个）")
  }

  static func precision(_ type: String, isFull: Bool) -> Phrase {
    isFull
      ? Phrase("float32")
      : Phrase(en: "products in \(type), the rest in float32,", zh: "矩阵乘法用 \(type)，其余用 float32")
  }

  /// How many pairs a step takes, and how many steps there are.
  static func batch(
    processes: Int, perDevice: Int, accumulated: Int, global: Int, steps: Int, stepsPerEpoch: Int, examples: Int,
    _ kind: ExampleKind
  ) -> Phrase {
    let (noun, unit) = (kind.noun, unit(kind))
    return Phrase(
      en: "global batch: \(HumanText.counted(processes, "process")) × "
        + "\(HumanText.counted(perDevice, noun)) × \(accumulated) accumulated = \(HumanText.counted(global, noun)) a step; "
        + "\(HumanText.counted(steps, "step")), \(stepsPerEpoch) an epoch of \(HumanText.counted(examples, noun))",
      zh:
        "全局批次：\(processes) 个进程 × \(perDevice) \(unit) × 累积 \(accumulated) 次 = 每步 \(HumanText.grouped(global)) \(unit)；共 "
        + "\(HumanText.grouped(steps)) 步，每轮 \(stepsPerEpoch) 步，\(HumanText.grouped(examples)) \(unit)")
  }

  static func rate(shape: String, peak: String, warmup: Int, steps: Int, loss: Phrase) -> Phrase {
    Phrase(
      en: "learning rate: \(shape), up to \(peak) after \(HumanText.counted(warmup, "step")) of warm-up, over "
        + "\(HumanText.counted(steps, "step")); loss \(loss.en)",
      zh: "学习率：\(shape)，预热 \(HumanText.grouped(warmup)) 步后达到 \(peak)，共 \(HumanText.grouped(steps)) 步；损失 \(loss.zh)")
  }

  static let textLoss = Phrase(en: "−log p per token to learn", zh: "每个目标 token 的 −log p")

  /// What the first step's loss says.
  static func start(loss: String, objective: String, value: String?, isDPO: Bool, startsAtReference: Bool) -> Phrase {
    let words = Phrase(en: "step 1: loss \(loss)", zh: "第 1 步：损失 \(loss)")
    guard let value else { return words }
    let start = "\(isDPO ? "log 2 = " : "")\(value)"
    return words
      + (startsAtReference
        ? Phrase(
          en: "; \(objective) starts at \(start), where policy and reference are equal",
          zh: "；\(objective) 从 \(start) 开始，此时策略模型与参考模型相同")
        : Phrase(
          en: "; with a reference of its own a run need not start at \(start)", zh: "；另有参考模型时，不一定从 \(start) 开始"))
  }

  static func evaluation(afterStep step: Int, _ figures: Phrase) -> Phrase {
    Phrase(en: "evaluation after step \(step): ", zh: "第 \(step) 步之后的评估：") + figures
  }

  /// Of a named set, below the line of all.
  static func ofSet(_ name: String, _ figures: Phrase) -> Phrase {
    Phrase(en: "  \(name): ", zh: "  \(name)：") + figures
  }

  static func figures(loss: String, margin: String, accuracy: Estimate?, pairs: Int) -> Phrase {
    let ends = accuracy.map { (HumanText.fixed($0.low * 100, 1), HumanText.percent($0.high)) }
    let said =
      accuracy.map { HumanText.percent($0.value) }.flatMap { value in
        ends.map { Phrase(en: "\(value) (\($0.0) to \($0.1))", zh: "\(value)（\($0.0) 至 \($0.1)）") }
      } ?? Phrase(en: "at chance", zh: "随机水平")
    return Phrase(
      en: "loss \(loss), margin \(margin), accuracy \(said.en), over \(HumanText.counted(pairs, "pair"))",
      zh: "损失 \(loss)，奖励差 \(margin)，准确率 \(said.zh)，共 \(HumanText.grouped(pairs)) 个偏好对")
  }

  static let interrupted = Phrase(
    en: "finishing the current step, then saving a checkpoint", zh: "做完当前这一步，再保存检查点")
  static let secondSignal = Phrase(en: "A second signal stops at once.", zh: "再来一次信号就立刻停止。")

  static func saved(_ path: String) -> Phrase { Phrase(en: "saved \(path)", zh: "已保存 \(path)") }

  static let kept = Phrase(en: "Complete checkpoints are kept.", zh: "完整的检查点会保留。")

  static func stopped(by signal: String, afterStep step: Int, of total: Int) -> Phrase {
    Phrase(
      en: "stopped by \(signal) after step \(step) of \(total); continue with the same command and "
        + "--resume-from-checkpoint auto.",
      zh: "在第 \(step) 步（共 \(total) 步）之后被 \(signal) 停止；用同样的命令加上 --resume-from-checkpoint auto 继续。")
  }

  /// The measure word of what is learned from.
  static func unit(_ kind: ExampleKind) -> String { kind.areTexts ? "条文本" : "个偏好对" }
}

/// What is said of a data file before a run.
extension TrainingWords {
  static let trainingData = Phrase(en: "training data", zh: "训练数据")
  static let evaluationData = Phrase(en: "evaluation data", zh: "评估数据")

  static func file(_ name: Phrase, _ path: String, read: Int, usable: Int, isHeldOut: Bool, _ kind: ExampleKind)
    -> Phrase
  {
    Phrase(
      en: "\(name.en): \(path): \(HumanText.counted(read, kind.noun)), \(HumanText.grouped(usable)) "
        + (isHeldOut ? "to measure" : "to learn from"),
      zh: "\(name.zh)：\(path)：\(HumanText.grouped(read)) \(unit(kind))，\(isHeldOut ? "用于评估" : "用于学习")的有 "
        + HumanText.grouped(usable))
  }

  static func dropped(_ count: Int, _ reason: DropReason) -> Phrase {
    Phrase(en: "dropped \(count): \(reason.phrase.en)", zh: "丢弃 \(count)：\(reason.phrase.zh)")
  }

  static func skipped(_ count: Int, firstAt line: Int) -> Phrase {
    Phrase(
      en: "skipped \(HumanText.counted(count, "unusable line")), the first at line \(line)",
      zh: "跳过 \(HumanText.grouped(count)) 行无法使用的数据，第一处在第 \(line) 行")
  }

  static func cut(_ count: Int, to length: Int, _ kind: ExampleKind) -> Phrase {
    Phrase(
      en: "cut \(HumanText.counted(count, kind.areTexts ? "text" : "side")) to --max-length \(length) tokens",
      zh: "\(HumanText.grouped(count)) \(kind.areTexts ? "条文本" : "侧")截断到 --max-length \(length) 个 token")
  }

  static func tokens(_ count: Int, overPadding: Double, overSides: Double) -> Phrase {
    let (padding, sides) = (HumanText.fixed(overPadding, 1), HumanText.fixed(overSides, 1))
    return Phrase(
      en:
        "\(HumanText.counted(count, "token")) an epoch: \(padding)× fewer than padded sides, \(sides)× fewer than both sides whole",
      zh: "每轮 \(HumanText.grouped(count)) 个 token：填充两侧需要 \(padding) 倍，不共享前缀需要 \(sides) 倍")
  }
}
