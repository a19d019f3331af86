import Foundation

/// How long prompts and answers are, in tokens before truncation, and whether the preference is one for length.
public struct LintLengths: Hashable, Sendable, Codable {
  /// Lengths of prompts.
  public var prompts = LengthHistogram()
  /// Lengths of chosen answers.
  public var chosen = LengthHistogram()
  /// Lengths of rejected answers.
  public var rejected = LengthHistogram()
  /// Pairs of which the chosen answer has more tokens.
  public var chosenIsLonger = 0
  /// Pairs of which the rejected answer has more tokens.
  public var rejectedIsLonger = 0
  /// The correlation of an answer's length with its being the chosen one, over the answers of all pairs (point-biserial,
  /// which is Pearson's with 0 and 1): from −1 to 1, 0 without any relation.
  public var correlation = 0.0

  /// The lengths of some pairs.
  init(of pairs: [TokenizedPair]) {
    var (sums, squares) = ([0.0, 0.0], 0.0)
    for pair in pairs {
      prompts.add(pair.promptLength)
      let answers = pair.sides.map(\.answerLength)
      chosen.add(answers[0])
      rejected.add(answers[1])
      if answers[0] > answers[1] { chosenIsLonger += 1 }
      if answers[0] < answers[1] { rejectedIsLonger += 1 }
      for (side, length) in answers.enumerated() {
        sums[side] += Double(length)
        squares += Double(length) * Double(length)
      }
    }
    let count = Double(2 * pairs.count)
    guard count > 0 else { return }
    let variance = squares / count - pow((sums[0] + sums[1]) / count, 2)
    if variance > 1e-9 { correlation = (sums[0] - sums[1]) / count / variance.squareRoot() }
  }

  /// The share of pairs with the longer answer chosen, among those of different length; ½ where there is none.
  public var longerShare: Double {
    let different = chosenIsLonger + rejectedIsLonger
    return different == 0 ? 0.5 : Double(chosenIsLonger) / Double(different)
  }

  /// Whether the preference is for length (true) or against it (false); nil where that cannot be said.
  ///
  /// The share or the correlation must be large, and three standard errors away from what chance gives.
  var bias: Bool? {
    let different = Double(chosenIsLonger + rejectedIsLonger)
    let byShare = abs(longerShare - 0.5) >= 0.15 && abs(longerShare - 0.5) >= 1.5 / max(1, different).squareRoot()
    let answers = Double(chosen.total + rejected.total)
    let byCorrelation = abs(correlation) >= 0.3 && abs(correlation) >= 3 / max(1, answers).squareRoot()
    if byShare { return longerShare > 0.5 }
    return byCorrelation ? correlation > 0 : nil
  }
}

/// How many lengths lie between powers of two: 0, 1, 2–3, 4–7, 8–15, …
public struct LengthHistogram: Hashable, Sendable, Codable {
  /// How many lie in each bin; bin b > 0 begins with 2^(b−1).
  public private(set) var counts: [Int] = []

  /// Counts a length.
  mutating func add(_ length: Int) {
    let bin = length <= 0 ? 0 : Int.bitWidth - length.leadingZeroBitCount
    while counts.count <= bin { counts.append(0) }
    counts[bin] += 1
  }

  /// How many lengths were counted.
  public var total: Int { counts.reduce(0, +) }

  /// The lengths of a bin.
  public static func range(ofBin bin: Int) -> ClosedRange<Int> { bin == 0 ? 0...0 : 1 << (bin - 1)...(1 << bin) - 1 }
}

extension LintCheck {
  static let lengthBias = LintCheck(
    name: "length-bias", severity: .warning, title: "length decides which answer is chosen",
    advice:
      "The model may learn length instead of quality. Balance the pairs, or train with a loss that divides by the length: "
      + "--loss-type simpo or sigmoid_norm, or --ld-alpha."
  ) { subject in
    let rendered = subject.tokenized.filter { $0.dropReason != .notRenderable && $0.dropReason != .identical }
    let lengths = LintLengths(of: rendered)
    guard let isForLength = lengths.bias else { return nil }
    let pairs = subject.tokenized.indices.filter { index in
      let pair = subject.tokenized[index]
      return isForLength ? pair.chosenLength > pair.rejectedLength : pair.chosenLength < pair.rejectedLength
    }
    return LintMatches(
      pairs, of: subject,
      remark: "the chosen answer is the \(isForLength ? "longer" : "shorter") one in "
        + "\(percentText(isForLength ? lengths.chosenIsLonger : lengths.rejectedIsLonger, of: lengths.chosenIsLonger + lengths.rejectedIsLonger)) "
        + "of the pairs with different lengths; correlation of length and being chosen \(String(format: "%.2f", lengths.correlation))"
    ) { index in
      let sides = subject.tokenized[index].sides
      return "chosen \(counted(sides[0].answerLength, "token")), rejected \(grouped(sides[1].answerLength))"
    }
  }
}
