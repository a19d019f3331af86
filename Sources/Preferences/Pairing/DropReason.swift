/// Why a pair is left out of training.
public enum DropReason: String, CaseIterable, Hashable, Sendable, Codable, CodingKeyRepresentable {
  /// Both sides are the same tokens.
  case identical
  /// Both sides are the same tokens once they are cut to the maximal length.
  case identicalAfterTruncation = "identical after truncation"
  /// Neither side has a target token: no assistant turn, or nothing of it within the maximal length.
  case noTargets = "no target token on either side"
  /// One side has target tokens and the other none, so that there is nothing to compare.
  case oneSideWithoutTargets = "no target token on one side"
  /// The sides differ, but in no target token: what they could teach cancels.
  case noDifferingTargets = "no target token where the sides differ"
  /// The chat template refused the conversation (only where bad lines are skipped).
  case notRenderable = "refused by the chat template"
  /// The data says that neither answer is the better one.
  case tied = "neither answer is the better one"
  /// The scores of the answers differ by less than was asked for.
  case smallMargin = "score margin below --min-margin"
  /// A text to imitate has no target token, or none within the maximal length.
  case noTargetsInText = "no target token within the maximal length"
}

extension TokenizedPair {
  /// Why nothing can be learned from the sides after truncation; nil if something can.
  var uselessness: DropReason? {
    if !hasRejected { return chosenTargets.contains(true) ? nil : .noTargetsInText }
    if chosenIDs == rejectedIDs { return .identicalAfterTruncation }
    let chosenHasTargets = chosenTargets.contains(true)
    let rejectedHasTargets = rejectedTargets.contains(true)
    if !chosenHasTargets && !rejectedHasTargets { return .noTargets }
    if !chosenHasTargets || !rejectedHasTargets { return .oneSideWithoutTargets }
    if chosenTargets.dropFirst(sharedPrefix).contains(true) || rejectedTargets.dropFirst(sharedPrefix).contains(true) {
      return nil
    }
    return .noDifferingTargets
  }
}
