import Foundation
import Logging
import MiniMind
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
  /// The frozen model that it is compared with.
  let reference: CausalLM
  /// The pairs to learn from, with what was found in their file.
  let training: PreparedPairs
  /// The held-out pairs, where there are any.
  let evaluation: PreparedPairs?
  /// The pairs to learn from that are usable.
  let pairs: [TokenizedPair]
  /// The held-out pairs that are usable.
  let evaluationPairs: [TokenizedPair]
  /// What is known of the reference's log-probabilities, where they are computed once.
  private let results = ReferenceResults()
  private var knownPeak: Double?

  /// Reads everything that a request names. All ranks do, and make sure that they have read the same.
  init(_ request: TrainingRequest, of job: Job, started: Date) throws {
    (self.job, self.started) = (job, started)
    let tokenizer = try request.source.tokenizerFolder
    // Before the data: a model that cannot be read should not cost the time of tokenizing.
    let policy = try request.source.load()
    // The model named, or a copy of the policy as it is now.
    let reference = try request.reference.map { try request.source.load($0) } ?? policy.copy()
    try VocabularyCheck.requireSame(policy: policy, reference: reference)
    (self.tokenizer, self.policy, self.reference) = (tokenizer, policy, reference)

    job.activity.set(.preparingData)
    let reader = PairReader(request: request, tokenizer: tokenizer, model: policy, started: started, job: job)
    training = try reader.read(request.trainingPairs, as: "training data")
    evaluation = try request.evaluationPairs.map { try reader.read($0, as: "evaluation data") }
    for prepared in [training, evaluation].compactMap(\.self) { try reader.check(prepared) }
    pairs = try training.usable()
    evaluationPairs = try evaluation?.usable() ?? []
    try job.communicator?.requireAgreement(
      on: [
        "training pairs": pairs.contentHash, "evaluation pairs": evaluationPairs.contentHash,
        "model": policy.contentHash(), "reference model": reference.contentHash(),
      ], about: "inputs")

    policy.recomputesLayers = request.recomputesLayers
    for model in [policy, reference] { try model.place(on: job.placement.device, multiplyingIn: job.placement.type) }
  }

  /// The reference of the pairs to learn from.
  ///
  /// - Parameter keepsResults: whether log-probabilities are computed once, for all that works on these inputs
  func trainingReference(keepsResults: Bool) -> ReferenceModel {
    keepsResults ? ReferenceModel(reference, pairs: pairs, results: results) : ReferenceModel(reference)
  }

  /// The reference of held-out pairs, which are measured more than once: their log-probabilities are kept in any case.
  ///
  /// - Parameter sharesResults: whether they are kept for all that works on these inputs
  func evaluationReference(of pairs: [TokenizedPair], sharesResults: Bool) -> ReferenceModel {
    ReferenceModel(reference, pairs: pairs, results: sharesResults ? results : ReferenceResults())
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

  func read(_ path: String, as name: String) throws -> PreparedPairs {
    let pairs = try PreparedPairs(
      contentsOf: path,
      tokenizer: VocabularyCheck.tokenizer(in: tokenizer, for: model) {
        if job.isFirst { logger.warning("\($0)") }
      }, folder: tokenizer,
      options: request.pairs, cache: request.tokenCache, now: started)
    logger.info("\(pairs.describe(as: name, path: path))")
    return pairs
  }

  func check(_ pairs: PreparedPairs) throws {
    let configuration = model.configuration
    if let largest = pairs.tokenized.largestID, Int(largest) >= configuration.vocabularySize {
      throw TrainingError.vocabularyTooSmall(largestID: Int(largest), vocabulary: configuration.vocabularySize)
    }
    if job.isFirst, request.pairs.maxLength > configuration.maximumPositions {
      logger.warning(
        "--max-length \(request.pairs.maxLength) exceeds the \(configuration.maximumPositions) positions that the model was made for"
      )
    }
  }
}
