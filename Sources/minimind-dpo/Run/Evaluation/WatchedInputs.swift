import Files
import Foundation
import Logging
import MiniMind
import Observability
import Preferences
import Tokenization
import Training

/// What is measured at each evaluation beside held-out pairs: texts to watch for forgetting, and prompts to answer. Read once.
struct WatchedInputs {
  /// The texts; empty where none are watched.
  let texts: [GuardText]
  /// The prompts; nil where none are answered.
  let prompts: SamplePrompts?

  /// Reads what a request names.
  ///
  /// - Parameter folder: that of the tokenizer
  init(_ request: TrainingRequest, tokenizer folder: URL, model: CausalLM, started: Date) throws {
    let asked = request.evaluation
    guard asked.guardData != nil || asked.samplePrompts != nil else {
      (texts, prompts) = ([], nil)
      return
    }
    // What is to be said of the tokenizer was said when the pairs were read.
    let tokenizer = try VocabularyCheck.tokenizer(in: folder, for: model) { _ in }
    texts =
      try asked.guardData.map {
        try GuardText.texts(
          of: URL(fileURLWithPath: $0), tokenizer: tokenizer, template: try? ChatTemplate(folder: folder),
          maxLength: request.pairs.maxLength, now: started)
      } ?? []
    if let largest = texts.lazy.compactMap({ $0.ids.max() }).max(), Int(largest) >= model.configuration.vocabularySize {
      throw TrainingError.vocabularyTooSmall(
        largestID: Int(largest), vocabulary: model.configuration.vocabularySize)
    }
    prompts = try asked.samplePrompts.map {
      try SamplePrompts(
        contentsOf: $0, tokenizer: tokenizer, folder: folder, model: model.configuration,
        maxNewTokens: asked.sampleMaxNewTokens, now: started)
    }
    if !texts.isEmpty {
      let targets = texts.reduce(0) { $0 + $1.targetCount }
      Logger(label: "train").info(
        Phrase(
          en: "guard data: \(asked.guardData ?? ""): \(HumanText.counted(texts.count, "text")), "
            + "\(HumanText.counted(targets, "token")) to predict",
          zh: "守护文本：\(asked.guardData ?? "")：\(HumanText.grouped(texts.count)) 条文本，要预测 "
            + "\(HumanText.grouped(targets)) 个 token"))
    }
  }

  /// Hashes to compare among ranks; none of what is not there.
  var facts: [String: String] {
    var facts: [String: String] = [:]
    if !texts.isEmpty { facts["guard data"] = texts.map(\.asPair).contentHash }
    if let prompts {
      var hash = SHA256()
      for ids in prompts.tokens { ids.withUnsafeBytes { hash.update($0) } }
      facts["sample prompts"] = hash.digest.description
    }
    return facts
  }
}
