/// The words of progress lines.
enum ProgressWords {
  static func task(_ name: String) -> Phrase {
    let known = [
      "train": "训练", "eval": "评估", "tokenize": "分词", "reference": "参考模型", "answers": "生成回答", "guard": "守护文本",
      "read": "读取",
    ]
    return Phrase(en: name, zh: known[name] ?? name)
  }

  static func unit(_ name: String) -> Phrase {
    let known = ["step": "步", "pair": "个偏好对", "text": "条文本", "prompt": "个提示"]
    return Phrase(en: name, zh: known[name] ?? name)
  }

  static func plainHead(_ task: Phrase, _ unit: Phrase, _ count: String, _ percent: String) -> Phrase {
    Phrase(en: "\(task.en) \(unit.en) \(count) (\(percent))", zh: "\(task.zh) \(count) \(unit.zh)（\(percent)）")
  }

  static func loss(_ value: String) -> Phrase { Phrase(en: "loss \(value)", zh: "损失 \(value)") }
  static func accuracy(_ value: String) -> Phrase { Phrase(en: "acc \(value)", zh: "准确率 \(value)") }
  static func margin(_ value: String) -> Phrase { Phrase(en: "margin \(value)", zh: "奖励差 \(value)") }

  static func rate(_ value: String, of example: String) -> Phrase {
    Phrase(en: "\(value) \(example)s/s", zh: example == "text" ? "\(value) 条/秒" : "\(value) 对/秒")
  }

  static func left(_ seconds: Double) -> Phrase {
    Phrase(
      en: "\(HumanText.duration(seconds: seconds)) left",
      zh: "剩余 \(HumanText.duration(seconds: seconds, in: .chinese))")
  }

  static func lag(_ rank: Int, _ ratio: String) -> Phrase {
    Phrase(en: "rank \(rank) lags (\(ratio)×)", zh: "rank \(rank) 掉队（\(ratio)×）")
  }

  static func learningRate(_ value: String) -> Phrase { Phrase(en: "learning rate \(value)", zh: "学习率 \(value)") }
  static func gradientNorm(_ value: String) -> Phrase { Phrase(en: "gradient norm \(value)", zh: "梯度范数 \(value)") }
}
