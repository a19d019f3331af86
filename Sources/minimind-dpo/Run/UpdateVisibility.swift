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
  func line(on changes: WeightChanges) -> String {
    let share = HumanText.percent(changes.share)
    let lost = changes.lost.map { lost in
      let (type, part) = (lost.dtype, HumanText.percent(changes.share(lost: lost.count)))
      return type == request.output.dtype
        ? "\(part) of these would be as before in a \(type.rawValue) file (--save-dtype)"
        : "\(part) of these are still as before in the \(type.rawValue) copies that products use, and add up in float32"
    }
    return (["training has changed \(share) of \(HumanText.count(Double(changes.weights))) weights so far"] + lost)
      .joined(separator: "; ")
  }

  /// What must be known of the result; nil where nothing is lost.
  func remark(on changes: WeightChanges) -> String? {
    guard let lost = changes.lost.first(where: { $0.dtype == request.output.dtype })?.count else { return nil }
    return
      "Of \(HumanText.counted(changes.changed, "weight")) that training changed, \(HumanText.grouped(lost)) "
      + "(\(HumanText.percent(changes.share(lost: lost)))) are the same as before in the saved "
      + "\(request.output.dtype.rawValue) file: the change was smaller than that type can express. "
      + "--save-dtype float32 keeps all of it."
  }
}
