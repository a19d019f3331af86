import OrderedJSON

/// Where preference data keeps what a judge thought of both answers.
///
/// | keys | data sets |
/// | --- | --- |
/// | `score_chosen`, `score_rejected` | HuggingFaceH4/ultrafeedback_binarized |
/// | `chosen-rating`, `rejected-rating` | argilla/ultrafeedback-binarized-preferences-cleaned |
/// | `chosen_rating`, `rejected_rating` | argilla/dpo-mix-7k |
/// | `rating_chosen`, `rating_rejected` | argilla/distilabel-capybara-dpo-7k-binarized |
/// | `chosen_score`, `rejected_score` | argilla/OpenHermes2.5-dpo-binarized-alpha |
/// | `margin` | TRL's `RewardTrainer` (https://huggingface.co/docs/trl/reward_trainer) |
enum ScoreColumns {
  private static let pairs = [
    ("score_chosen", "score_rejected"), ("chosen_score", "rejected_score"), ("chosen-score", "rejected-score"),
    ("chosen_rating", "rejected_rating"), ("chosen-rating", "rejected-rating"), ("rating_chosen", "rating_rejected"),
    ("chosen_reward", "rejected_reward"), ("reward_chosen", "reward_rejected"),
  ]
  private static let margins = ["margin", "score_margin"]

  /// The chosen answer's score less the rejected one's, and the keys that it is made of; nil where there are no numbers
  /// under these keys.
  static func margin(in record: JSON.Object) -> (value: Double, keys: [String])? {
    for (chosen, rejected) in pairs {
      if let better = number(record[chosen]), let worse = number(record[rejected]) {
        return (better - worse, [chosen, rejected])
      }
    }
    for key in margins {
      if let margin = number(record[key]) { return (margin, [key]) }
    }
    return nil
  }

  private static func number(_ value: JSON?) -> Double? {
    guard let number = value?.double, number.isFinite else { return nil }
    return number
  }
}
