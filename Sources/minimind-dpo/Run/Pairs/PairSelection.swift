import OrderedJSON

/// From the scored answers of a prompt to a pair: the best against the worst.
struct PairSelection {
  /// Scores must differ by more than this.
  let minMargin: Double

  /// Why a prompt gives no pair.
  enum Reason: String, CaseIterable {
    case equalAnswers = "all answers are the same"
    case equalScores = "no answer is scored below the best"
    case smallMargin = "the margin is not above --min-margin"
    case unfinished = "no answer ended within --max-new-tokens"
  }

  /// An answer as it is judged.
  struct Answer {
    /// The assistant's message.
    let message: JSON
    let score: Double
    /// Whether it ended by itself.
    let hasEnded: Bool
  }

  /// The places of the best answer and of the worst; of equal scores, the first.
  ///
  /// An answer that was cut off is never the best: it would teach to stop in the middle of a sentence. It may be the worst,
  /// as endless answers should be.
  func pair(of answers: [Answer]) -> Result<(chosen: Int, rejected: Int), Dropped> {
    let ended = answers.indices.filter { answers[$0].hasEnded }
    guard let chosen = ended.max(by: { (answers[$0].score, $1) < (answers[$1].score, $0) }) else {
      return .failure(Dropped(.unfinished))
    }
    let others = answers.indices.filter { answers[$0].message != answers[chosen].message }
    guard let rejected = others.min(by: { (answers[$0].score, $0) < (answers[$1].score, $1) }) else {
      return .failure(Dropped(.equalAnswers))
    }
    let margin = answers[chosen].score - answers[rejected].score
    guard margin > 0 else { return .failure(Dropped(.equalScores)) }
    guard margin > minMargin else { return .failure(Dropped(.smallMargin)) }
    return .success((chosen, rejected))
  }

  /// A prompt without a pair.
  struct Dropped: Error {
    let reason: Reason
    init(_ reason: Reason) { self.reason = reason }
  }
}
