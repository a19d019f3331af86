import MiniMind
import Observability
import Torch
import Training

/// How much of what a run has learnt shows in its weights: in the type in which they are saved, and in the copies of 16 bits
/// that products use. A change that is smaller than a type can express is lost in it.
struct UpdateVisibility {
  private let request: TrainingRequest
  private let inputs: RunInputs

  init(_ request: TrainingRequest, _ inputs: RunInputs) { (self.request, self.inputs) = (request, inputs) }

  /// Compares a model with what it was before the run.
  ///
  /// - Parameter readsAgain: whether the model before the run is read once more where it is not in memory
  /// - Returns: nil where it is not known, or where only an adapter is trained
  func measure(_ policy: CausalLM, readsAgain: Bool) throws -> WeightChanges? {
    guard policy.adapter == nil else { return nil }
    let types = [request.output.dtype, policy.productType].reduce(into: [DType]()) { types, type in
      if type != .float32, !types.contains(type) { types.append(type) }
    }
    if let start, start.weights.storage.device == policy.weights.storage.device {
      return try policy.changes(since: start, in: types)
    }
    // Nothing can be lost in float32; that is not worth another model in memory.
    guard readsAgain, !types.isEmpty else { return nil }
    let start = try request.source.load()
    try start.place(on: inputs.job.placement.device)
    return try policy.changes(since: start, in: types)
  }

  /// The reference, where it is the model before the run and stays so.
  private var start: CausalLM? {
    request.reference == nil && request.training.referenceSync == nil ? inputs.reference : nil
  }

  /// A line for a checkpoint.
  func line(on changes: WeightChanges) -> Phrase {
    let (share, all) = (HumanText.percent(changes.share), HumanText.count(Double(changes.weights)))
    let head = Phrase(
      en: "training has changed \(share) of \(all) weights so far", zh: "训练至今改变了 \(all) 个权重中的 \(share)")
    return changes.lost.map { lost in
      let (type, part) = (lost.dtype, HumanText.percent(changes.share(lost: lost.count)))
      return type == request.output.dtype
        ? Phrase(
          en: "; \(part) of these would be as before in a \(type.rawValue) file (--save-dtype)",
          zh: "；其中 \(part) 存为 \(type.rawValue) 文件后会与原来一样（--save-dtype）")
        : Phrase(
          en:
            "; \(part) of these are still as before in the \(type.rawValue) copies that products use, and add up in float32",
          zh: "；其中 \(part) 在矩阵乘法所用的 \(type.rawValue) 副本里还与原来一样，变化在 float32 中累积")
    }.reduce(head, +)
  }

  /// What must be known of the result; nil where nothing is lost.
  func remark(on changes: WeightChanges) -> Phrase? {
    guard let lost = changes.lost.first(where: { $0.dtype == request.output.dtype })?.count else { return nil }
    let (type, share) = (request.output.dtype.rawValue, HumanText.percent(changes.share(lost: lost)))
    return Phrase(
      en:
        "Of \(HumanText.counted(changes.changed, "weight")) that training changed, \(HumanText.grouped(lost)) (\(share)) are "
        + "the same as before in the saved \(type) file: the change was smaller than that type can express. "
        + "--save-dtype float32 keeps all of it.",
      zh: "训练改变了 \(HumanText.grouped(changes.changed)) 个权重，其中 \(HumanText.grouped(lost)) 个（\(share)）在保存的 "
        + "\(type) 文件里与原来一样：变化小于该类型能表示的精度。--save-dtype float32 会全部保留。")
  }
}
