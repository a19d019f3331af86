import Foundation
import Preferences
import Training

/// What evaluations must remember of earlier ones; a checkpoint keeps it for a run that is resumed. Only the first rank's counts.
struct EvaluationState: Codable {
  /// What held-out pairs measured before the first step, by the hash of the pairs.
  private var starts: [String: [PairResult]] = [:]
  /// What the watched texts measured then.
  var guardStart: GuardMeasurement?
  /// The reference's answers to the sample prompts.
  var referenceAnswers: [SampledAnswer]?
  /// Which step is the best so far.
  var best = BestModel()

  /// What held-out pairs measured before the first step; nil where that is not known.
  ///
  /// - Parameter now: what they measure now, which is remembered at step 0
  mutating func start(of pairs: [TokenizedPair], or now: [PairResult], at step: Int) -> [PairResult]? {
    let name = pairs.contentHash
    if step == 0 { starts = [name: now] }
    return starts[name]
  }
}

extension EvaluationState {
  /// The file in a checkpoint.
  static let fileName = "evaluation_state.json"

  /// Reads the state out of a checkpoint; nothing is remembered where there is none, as in those of earlier versions.
  init(in notes: [String: Data]) {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    self = notes[Self.fileName].flatMap { try? decoder.decode(Self.self, from: $0) } ?? Self()
  }

  /// The file's content.
  var data: Data {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys]
      encoder.nonConformingFloatEncodingStrategy = .convertToString(
        positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
      return try encoder.encode(self)
    }
  }
}
