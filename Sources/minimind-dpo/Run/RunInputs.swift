import Foundation
import Logging
import MiniMind
import Observability
import Preferences
import Torch
import Training

/// What a run works on, read once and placed on the device: the models, and the tokens of all pairs. The trials of a sweep
/// share it.
final class RunInputs {
  /// This process's part in its job.
  let job: Job
  /// When the run began; templates that print the date are told so.
  let started: Date
  /// The folder of the tokenizer.
  let tokenizer: URL
  /// The model to train.
  let policy: CausalLM
  /// The frozen model that it is compared with; nil where no loss compares with one.
  let reference: CausalLM?
  private let excessTokenWeight: Double?
  /// The pairs to learn from, with what was found in their files.
  let training: TrainingData
  /// The held-out pairs, in the sets that they are measured in; none where nothing is held out.
  let evaluationSets: [EvaluationSet]
  /// The pairs to learn from that are usable.
  var pairs: [TokenizedPair] { training.pairs }
  /// The held-out pairs of all sets.
  var evaluationPairs: [TokenizedPair] { evaluationSets.flatMap(\.pairs) }
  /// What the files that they are from are called, by `TokenizedPair.source`.
  var evaluationSources: [String] {
    training.heldOut.isEmpty
      ? evaluationSets.enumerated().map { $1.name ?? "file \($0 + 1)" }
      : training.files.map { URL(fileURLWithPath: $0.source.path).lastPathComponent }
  }
  /// What is measured beside them.
  let watched: WatchedInputs
  /// What is known of the reference's log-probabilities, where they are computed once.
  private let results = ReferenceResults()
  private var knownPeak: Double?
  /// How long it took to read and tokenize pairs, or to find their tokens on disk.
  let tokenSeconds: Double
  /// The policy's weights before training, where several trainings begin with them.
  private var initialWeights: Tensor?

  /// Reads everything that a request names. All ranks do, and make sure that they have read the same.
  init(_ request: TrainingRequest, needsReference: Bool, of job: Job, started: Date) throws {
    (self.job, self.started) = (job, started)
    let tokenizer = try request.source.tokenizerFolder
    // Before the data: a model that cannot be read should not cost the time of tokenizing.
    let policy = try request.source.load()
    if var lora = request.lora {
      lora.basePath = request.source.path
      try policy.addAdapter(lora, seed: request.training.seed)
    }
    if let dropout = request.loraDropout { policy.adapter?.setDropout(dropout) }
    let reference = needsReference ? try Self.reference(request, of: policy) : nil
    if let reference { try VocabularyCheck.requireSame(policy: policy, reference: reference) }
    if request.training.routerAuxLossCoefficient ?? 0 > 0, policy.configuration.experts == nil {
      throw Failure(
        .usage, "--router-aux-loss-coef is about mixtures of experts, and the model has none. Leave it out.")
    }
    excessTokenWeight = request.training.loss.excessTokenWeight
    (self.tokenizer, self.policy, self.reference) = (tokenizer, policy, reference)

    job.activity.set(.preparingData)
    let clock = ContinuousClock.now
    let reader = PairReader(request: request, tokenizer: tokenizer, model: policy, started: started, job: job)
    training = try reader.trainingData()
    let files = try reader.evaluationSets()
    evaluationSets = training.heldOut.isEmpty ? files : [EvaluationSet(name: nil, pairs: training.heldOut)]
    watched = try WatchedInputs(request, tokenizer: tokenizer, model: policy, started: started)
    tokenSeconds = (ContinuousClock.now - clock) / .seconds(1)
    Self.warn(ofPromptsIn: evaluationSets.flatMap(\.pairs), among: training.pairs, job)
    if let communicator = job.communicator { try communicator.requireAgreement(on: contentHashes, about: "inputs") }

    policy.recomputesLayers = request.recomputesLayers
    for model in [policy, reference].compactMap(\.self) {
      try model.place(on: job.placement.device, multiplyingIn: job.placement.type)
    }
  }

  /// The model named, or the policy as it is now: a copy of it or, where only an adapter is trained, a model over the same
  /// weights.
  private static func reference(_ request: TrainingRequest, of policy: CausalLM) throws -> CausalLM {
    guard let path = request.reference else {
      guard policy.adapter != nil else { return try policy.copy() }
      // A new adapter adds nothing yet: its reference is the model without it.
      return try request.lora == nil ? policy.withCopiedAdapter() : policy.base()
    }
    guard path == ModelSource.base, policy.adapter != nil else { return try request.source.load(path) }
    return try policy.base()
  }

  /// What was read, by the hash of its content.
  var contentHashes: [String: String] {
    get throws {
      [
        "training pairs": pairs.contentHash, "evaluation pairs": evaluationPairs.contentHash,
        "mixture": "\(training.mixture)", "model": try policy.contentHash(),
        "reference model": try reference?.contentHash() ?? "none",
      ].merging(watched.facts) { known, _ in known }
    }
  }

  /// Remembers the policy's weights as they are, for `resetWeights()`.
  func keepInitialWeights() throws(TorchError) { initialWeights = try policy.trainedWeights.storage.detached().clone() }

  /// Puts the policy back to where it was.
  func resetWeights() throws(TorchError) {
    guard let initialWeights else { return }
    try withoutGrad { () throws(TorchError) in try policy.trainedWeights.storage.copyInPlace(initialWeights) }
  }

  /// Says how many prompts are learned from and measured on.
  private static func warn(ofPromptsIn held: [TokenizedPair], among pairs: [TokenizedPair], _ job: Job) {
    let prompts = Set(held.map(\.promptKey))
    let leaked = pairs.count { prompts.contains($0.promptKey) }
    guard leaked > 0, job.isFirst else { return }
    let arePairs = held.contains { $0.hasRejected }
    let finding = Phrase(
      en:
        "\(HumanText.counted(leaked, arePairs ? "training pair" : "text")) answer a prompt that is also in the evaluation data, "
        + "which then measures what was learned by heart",
      zh: "训练数据中有 \(HumanText.grouped(leaked)) \(arePairs ? "个偏好对" : "条文本")的提示也在评估数据里，这样评估测到的是死记的内容")
    let advice = Phrase(
      en: ". minimind-dpo data with --eval-data names them, with --write-clean it leaves them out",
      zh: "。minimind-dpo data 加 --eval-data 会列出它们，加 --write-clean 会去掉它们")
    Logger(label: "train").warning(arePairs ? finding + advice : finding)
  }

  /// The reference of the pairs to learn from.
  ///
  /// - Parameter keepsResults: whether log-probabilities are computed once, for all that works on these inputs
  func trainingReference(keepsResults: Bool) -> ReferenceModel? {
    reference.map {
      keepsResults
        ? ReferenceModel($0, pairs: pairs, results: results, excessTokenWeight: excessTokenWeight)
        : ReferenceModel($0, excessTokenWeight: excessTokenWeight)
    }
  }

  /// The reference of held-out pairs, which are measured more than once: their log-probabilities are kept in any case.
  ///
  /// - Parameter sharesResults: whether they are kept for all that works on these inputs
  func evaluationReference(of pairs: [TokenizedPair], sharesResults: Bool) -> ReferenceModel? {
    reference.map {
      ReferenceModel(
        $0, pairs: pairs, results: sharesResults ? results : ReferenceResults(), excessTokenWeight: excessTokenWeight)
    }
  }

  /// What all processes together could compute in a second, all measuring at once as they will train; measured once.
  func peak() throws -> Double {
    if let knownPeak { return knownPeak }
    try job.communicator?.group.barrier()
    // A rough number soon: it is divided by, not optimised for.
    let own = try PeakRate.measure(
      of: policy.configuration, tokens: 2048, attempts: 3, device: job.placement.device, type: job.placement.type)
    let peak = try job.communicator?.group.sum([own])[0] ?? own
    knownPeak = peak
    return peak
  }
}

/// Reads preference files for a model.
private struct PairReader {
  let request: TrainingRequest
  let tokenizer: URL
  let model: CausalLM
  let started: Date
  let job: Job
  private var logger: Logger { Logger(label: "train") }

  func trainingData() throws -> TrainingData {
    let sources = request.trainingPairs
    let files = try sources.enumerated().map { place, source in
      let number =
        sources.count == 1
        ? Phrase("") : Phrase(en: " \(place + 1) of \(sources.count)", zh: "（\(place + 1) / \(sources.count)）")
      return (source, try read(source.path, as: TrainingWords.trainingData + number, options: request.pairs))
    }
    let data = try TrainingData(
      files, heldOut: request.heldOut, strategy: request.mixStrategy, seed: request.pairs.seed)
    if let summary = data.summary { logger.info(summary) }
    return data
  }

  /// The sets of held-out pairs, whose indices differ from one set to the next.
  func evaluationSets() throws -> [EvaluationSet] {
    var options = request.pairs
    // What is measured is the same whatever is learned from.
    options.minimumMargin = nil
    let files = try request.evaluationPairs.map { file in
      let name = file.name.map { " \"\($0)\"" } ?? ""
      let prepared = try read(
        file.path, as: TrainingWords.evaluationData + Phrase(name), options: options, isHeldOut: true)
      do {
        _ = try prepared.usable()
      } catch  where request.evaluationPairs.count > 1 {
        throw Failure(.badData, "\(file.path): \(error)")
      }
      return prepared.tokenized
    }
    let pairs = TokenizedPairs(joining: files, options: options).pairs.filter { $0.dropReason == nil }
    return request.evaluationPairs.enumerated().map { place, file in
      EvaluationSet(name: file.name, pairs: pairs.filter { $0.source == place })
    }
  }

  private func read(
    _ path: String, as name: Phrase, options: PairOptions, isHeldOut: Bool = false
  ) throws -> PreparedPairs {
    let pairs = try PreparedPairs(
      contentsOf: path,
      tokenizer: VocabularyCheck.tokenizer(in: tokenizer, for: model) {
        if job.isFirst { logger.warning("\($0)") }
      }, folder: tokenizer,
      options: options, cache: request.tokenCache, now: started)
    logger.info("\(pairs.describe(as: name, path: path, isHeldOut: isHeldOut))")
    try check(pairs)
    return pairs
  }

  private func check(_ pairs: PreparedPairs) throws {
    let configuration = model.configuration
    if let largest = pairs.tokenized.largestID, Int(largest) >= configuration.vocabularySize {
      throw TrainingError.vocabularyTooSmall(largestID: Int(largest), vocabulary: configuration.vocabularySize)
    }
    if job.isFirst, request.pairs.maxLength > configuration.maximumPositions {
      let (length, most) = (request.pairs.maxLength, configuration.maximumPositions)
      logger.warning(
        Phrase(
          en: "--max-length \(length) exceeds the \(most) positions that the model was made for",
          zh: "--max-length \(length) 超过了模型设计的 \(most) 个位置"))
    }
  }
}
