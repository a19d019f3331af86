import DPO
import Files
import Foundation
import Logging
import MiniMind
import Observability
import Preferences
import Training

/// What a run does for MiniMind besides its own work: its weight file, and its lines of log.
final class MiniMindRun {
  private let request: TrainingRequest
  private let folder: String
  private let name: String
  private let loraName: String?
  private let logger = Logger(label: "train")
  private let started = ContinuousClock.now
  private var firstStep: Int?

  /// Nil where a run is not MiniMind's.
  init?(_ request: TrainingRequest) {
    guard let miniMind = request.miniMind else { return nil }
    (self.request, folder, name, loraName) = (request, miniMind.folder, miniMind.name, miniMind.loraName)
  }

  /// What is read and written, and what MiniMind's options mean here.
  func remarks(on policy: CausalLM) -> [Phrase] {
    let output = request.output
    let interval =
      switch output.saves {
      case .steps(let count):
        Phrase(en: " and every \(HumanText.counted(count, "step"))", zh: "，每 \(HumanText.grouped(count)) 步也写一次")
      case .epoch: Phrase(en: " and after every epoch", zh: "，每轮之后也写一次")
      case nil: Phrase("")
      }
    let texts = request.pairs.examples.areTexts
    let data = request.trainingPairs.map(\.description).joined(separator: ", ")
    let (model, type, result) = (request.source.path, output.dtype.rawValue, loraFile(of: policy) ?? file(of: policy))
    let tokenizer =
      request.source.tokenizer.map { Phrase($0) } ?? Phrase(en: "the model's folder", zh: "模型所在的文件夹")
    var lines = [
      Phrase(
        en:
          "MiniMind's options: the model from \(model), the \(texts ? "texts" : "pairs") from \(data), the tokenizer from "
          + "\(tokenizer.en); the result goes to \(result) in \(type), at the end\(interval.en), everything else to "
          + "\(output.folder)",
        zh: "MiniMind 的选项：模型来自 \(model)，\(texts ? "文本" : "偏好对")来自 \(data)，分词器来自 \(tokenizer.zh)；训练结束时结果以 "
          + "\(type) 写入 \(result)\(interval.zh)，其余都在 \(output.folder)")
    ]
    if let miniMind = request.miniMind, miniMind.asksToResume, output.checkpoint == nil {
      lines.append(
        Phrase(
          en: "--from_resume 1: there is no checkpoint in \(output.folder) yet; the run starts from the beginning",
          zh: "--from_resume 1：\(output.folder) 中还没有检查点；从头开始训练"))
      let checkout = MiniMindCheckout()
      let theirs = checkout.path("../checkpoints") + "/\(name)_\(size(of: policy))_resume.pth"
      if checkout.exists(theirs) {
        lines.append(
          Phrase(
            en: "  (MiniMind's own \(theirs) is not read: its order of the data is another)",
            zh: "  （不读取 MiniMind 自己的 \(theirs)：它的数据顺序不同）"))
      }
    }
    return lines + (request.miniMind?.remarks ?? [])
  }

  /// Writes the weights as MiniMind's scripts read them; at any moment the file is the old one or the new one.
  ///
  /// - Throws: `FileError` when it cannot be written.
  func write(_ policy: CausalLM) throws {
    for draft in try drafts(of: policy, copies: false) {
      try makeFolder(draft.file.deletingLastPathComponent())
      try draft.write()
      logger.info(TrainingWords.saved(draft.file.relativePath))
    }
  }

  /// The same files, still to be written.
  ///
  /// - Parameter copies: whether training goes on before they are written
  func drafts(of policy: CausalLM, copies: Bool) throws -> [WeightFileDraft] {
    let dtype = request.output.dtype
    // A file that MiniMind's scripts read already stays as it is where this one would be of no use.
    try policy.requireSavable(to: file(of: policy), dtype: dtype, adapterOnly: !writesModel)
    var drafts: [WeightFileDraft] = []
    if let loraFile = loraFile(of: policy), let adapter = policy.adapter {
      drafts.append(
        try WeightFileDraft(
          URL(fileURLWithPath: loraFile), of: adapter, in: policy, dtype: dtype, copies: copies))
    }
    if writesModel {
      drafts.append(
        try WeightFileDraft(URL(fileURLWithPath: file(of: policy)), of: policy, dtype: dtype, copies: copies))
    }
    return drafts
  }

  /// What was written.
  func outputs(of policy: CausalLM) -> [RunSummary.Output] {
    (loraFile(of: policy).map { [.loraFile($0)] } ?? []) + (writesModel ? [.weightFile(file(of: policy))] : [])
  }

  /// Whether the model is written: with a LoRA file only where it is asked for.
  private var writesModel: Bool { loraName == nil || request.output.merges }

  /// The path of the LoRA file; nil where none is asked for.
  private func loraFile(of policy: CausalLM) -> String? {
    loraName.map { "\(folder)/\($0)_\(size(of: policy)).pth" }
  }

  /// The path of the weight file.
  func file(of policy: CausalLM) -> String { "\(folder)/\(name)_\(size(of: policy)).pth" }

  /// Whether the file that the run leaves for MiniMind is there.
  func hasResult(of policy: CausalLM) -> Bool {
    FileManager.default.fileExists(atPath: loraFile(of: policy) ?? file(of: policy))
  }

  /// What MiniMind's file names say of a model.
  private func size(of policy: CausalLM) -> String {
    "\(policy.configuration.hiddenSize)\(policy.configuration.experts == nil ? "" : "_moe")"
  }

  /// Prints an interval as MiniMind's script does: on standard output, counted in batches of each process, `epoch_time` being
  /// what is left of the epoch in whole minutes.
  func log(_ interval: IntervalReport, of trainer: Trainer) {
    let plan = trainer.plan
    let accumulated = trainer.options.accumulationSteps
    let batches = (plan.pairCount * accumulated + plan.globalBatchSize - 1) / plan.globalBatchSize
    let (epoch, place) = (interval.step - 1).quotientAndRemainder(dividingBy: plan.stepsPerEpoch)
    let batch = min((place + 1) * accumulated, batches)
    let epochs = (plan.totalSteps + plan.stepsPerEpoch - 1) / plan.stepsPerEpoch

    let before = firstStep ?? interval.step - interval.steps
    firstStep = before
    let perStep = (ContinuousClock.now - started) / .seconds(1) / Double(max(1, interval.step - before))
    let minutesLeft = (perStep * Double(plan.stepsPerEpoch - place - 1) / 60).rounded(.down)
    let texts = request.pairs.examples.areTexts
    let metrics = interval.metrics
    let loss = metrics.means(of: request.pairs.examples).first { $0.name == MetricName.loss }?.value ?? .nan
    let auxiliary = metrics.weightedAuxiliaryLoss / metrics.pairs
    func text(_ value: Double) -> String { HumanText.fixed(value, 4) }
    Console.standardError.clearStatus()
    Output.line(
      "Epoch:[\(epoch + 1)/\(epochs)](\(batch)/\(batches)), loss: \(text(loss)), "
        + "\(texts ? "logits" : "dpo")_loss: \(text(loss - auxiliary)), aux_loss: \(text(auxiliary)), "
        + "\(texts ? "lr" : "learning_rate"): \(HumanText.fixed(interval.learningRate, 8)), "
        + "epoch_time: \(HumanText.fixed(minutesLeft, texts ? 1 : 3))min")
  }
}
