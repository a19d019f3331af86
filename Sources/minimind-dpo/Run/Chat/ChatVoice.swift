import MiniMind
import Observability
import OrderedJSON
import Serving
import Torch

/// A model that takes part in a conversation.
package protocol ChatVoice {
  /// How it is called before its answers, where several answer.
  var name: String { get }
  /// The most tokens of a conversation.
  var contextLength: Int { get }
  /// The tokens of a conversation up to the answer.
  func prompt(of messages: [JSON], thinks: Bool) throws -> ChatFormat.Prompt
  /// Answers, piece by piece.
  ///
  /// - Parameter onPart: returns false to end the answer
  /// - Returns: whether the answer is as long as it may be, and may lack its end
  func answer(_ prompt: ChatFormat.Prompt, _ sampling: SamplingOptions, onPart: (AnswerPart) -> Bool) throws -> Bool
}

/// A model of this process.
struct ModelVoice: ChatVoice {
  let name: String
  private let speaker: Speaker
  let contextLength: Int
  /// The model in a few words: its kind, size and place.
  let description: Phrase

  init(_ source: ModelSource, name: String, placement: Placement) throws {
    self.name = name
    // Before the weights: a missing tokenizer should not cost the time of loading.
    let folder = try source.tokenizerFolder
    let model = try source.loadMerged()
    try model.place(on: placement.device, multiplyingIn: placement.type)
    speaker = try Speaker(model, tokenizerFolder: folder)
    contextLength = model.configuration.maximumPositions
    let shape = model.configuration
    let size = HumanText.count(Double(shape.parameterCount))
    description = Phrase(
      en: "\(shape.family.rawValue), \(size) parameters, \(placement.description)",
      zh: "\(shape.family.rawValue)，参数量 \(size)，\(placement.description)")
  }

  func prompt(of messages: [JSON], thinks: Bool) throws -> ChatFormat.Prompt {
    try speaker.format.prompt(of: messages, think: thinks)
  }

  func answer(
    _ prompt: ChatFormat.Prompt, _ sampling: SamplingOptions, onPart: (AnswerPart) -> Bool
  ) throws -> Bool {
    try speaker.converse(prompt, sampling: sampling, onPart: onPart)
  }
}
