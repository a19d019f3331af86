import Observability
import Training

/// The parts of the memory that a run needs, in both languages; English is with the estimate itself.
enum DryRunWords {
  /// What a part is, and how its size comes about.
  static func part(_ part: MemoryEstimate.Part, largest batch: MicroBatchSize) -> (name: Phrase, detail: Phrase) {
    let bare = part.name.drop { $0 == " " }
    let indent = String(part.name.prefix(part.name.count - bare.count))
    // Weights in a type of 16 bits stand below the float32 ones.
    let width = bare.hasPrefix("in ") ? 2 : 4
    let numbers = "\(HumanText.grouped(part.bytes / width)) 个 \(width) 字节的数"
    let (name, detail): (String, String) =
      switch bare {
      case "program": ("程序", "运行库、数据及其缓冲")
      case "checkpoint": ("检查点", "写入期间权重和动量的副本；--no-async-save 则没有")
      case "sample answers": ("抽样回答", "抽样提示的键和值")
      case "weights": ("权重", numbers)
      case "reference": ("参考模型", numbers)
      case "adapter": ("适配器", numbers)
      case "gradients": ("梯度", numbers)
      case "AdamW's moments": ("AdamW 的动量", numbers + (part.detail.contains("ZeRO-1") ? "，只占一份（ZeRO-1）" : ""))
      case "activations":
        (
          "激活值",
          "一个微批次：\(HumanText.grouped(batch.tokens)) 个 token，其中预测 \(HumanText.grouped(batch.targets)) 个"
            + (part.detail.contains("recomputed") ? "，按层重计算" : "")
        )
      default: bare.hasPrefix("in ") ? (String(bare.dropFirst(3)) + " 副本", numbers) : (String(bare), part.detail)
      }
    return (Phrase(en: part.name, zh: indent + name), Phrase(en: part.detail, zh: detail))
  }
}
