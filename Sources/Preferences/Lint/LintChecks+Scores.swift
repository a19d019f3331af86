import Foundation

/// What a judge's scores say against the order of a pair.
extension LintCheck {
  static let swappedByScore = LintCheck(
    name: "swapped-by-score", severity: .problem, title: "the chosen answer has the lower score",
    advice:
      "Scores and order contradict each other: the sides may be swapped. Check how the file was made, and swap or remove them."
  ) { subject in
    let pairs = subject.tokenized.indices.filter { subject.tokenized[$0].scoreMargin.map { $0 < 0 } ?? false }
    let scored = subject.tokenized.count { $0.scoreMargin != nil }
    return LintMatches(pairs, of: scored) { index in
      let margin = subject.tokenized[index].scoreMargin ?? 0
      return
        "chosen scores \(String(format: "%g", -margin)) less than rejected: \(excerpt(subject.texts[index].prompt))"
    }
  }

  static let equalScores = LintCheck(
    name: "equal-scores", severity: .warning, title: "both answers have the same score",
    advice: "Their order is chance. --min-margin leaves out pairs whose scores are too close."
  ) { subject in
    let pairs = subject.tokenized.indices.filter { subject.tokenized[$0].scoreMargin == 0 }
    let scored = subject.tokenized.count { $0.scoreMargin != nil }
    return LintMatches(pairs, of: scored) { excerpt(subject.texts[$0].prompt) }
  }
}
