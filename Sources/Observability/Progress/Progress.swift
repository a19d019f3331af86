import Foundation

/// Where a long task stands, and how that reads: on one line of a terminal, or on a plain line of a log file.
/// Figures that are nil are left out, so the same type serves training, evaluation and tokenizing.
public struct Progress: Hashable, Sendable {
  /// What is being done, in a word: `train`, `eval`, `tokenize`.
  public var task: String
  /// Units done: steps, or pairs.
  public var done: Int
  /// Units in all.
  public var total: Int
  /// The name of a unit.
  public var unit: String
  /// Mean loss over the last interval.
  public var loss: Double?
  /// Reward margin over the last interval.
  public var margin: Double?
  /// Share of pairs, 0…1, whose chosen answer has the higher reward.
  public var accuracy: Double?
  /// The learning rate; left behind and in log files only.
  public var learningRate: Double?
  /// The norm of the gradient; the same.
  public var gradientNorm: Double?
  /// What is learned from: `pair`, or `text`.
  public var example = "pair"
  /// Pairs, or texts, per second, over all ranks.
  public var pairsPerSecond: Double?
  /// Tokens per second, over all ranks.
  public var tokensPerSecond: Double?
  /// Expected seconds to the end.
  public var secondsLeft: Double?
  /// A rank that the others wait for, and by how much longer than the median it computes; nil where none lags.
  public var lagging: Lag?
  /// How the GPU does, in a few words; nil without one.
  public var device: String?
  /// Memory in use, in bytes.
  public var memoryBytes: Int?

  /// A rank that the others wait for.
  public struct Lag: Hashable, Sendable {
    /// Its number.
    public var rank: Int
    /// The time that it computes, over the median.
    public var ratio: Double

    /// A rank with its ratio.
    public init(rank: Int, ratio: Double) { (self.rank, self.ratio) = (rank, ratio) }
  }

  /// A state without figures; set those that there are.
  public init(task: String = "train", done: Int, total: Int, unit: String = "step") {
    self.task = task
    self.done = done
    self.total = total
    self.unit = unit
  }

  /// The line for a terminal, at most `width` columns: with little room the bar shrinks and goes, then figures go, the ones
  /// that can be read elsewhere first; loss, accuracy, speed and time left stay longest. No figure is ever cut in two. The
  /// count always stays (cut off, if even it does not fit).
  public func terminalLine(width: Int, in language: MessageLanguage = .current) -> String {
    let heads = [20, 10, 0].map { head(bar: $0, in: language) } + shortHeads(in: language)
    return fitted(heads, figures(in: language), width: width)
  }

  /// The line that a terminal keeps when the live one moves on: the same figures without a bar, and what is not worth
  /// watching but worth keeping.
  public func keptLine(width: Int, in language: MessageLanguage = .current) -> String {
    fitted(
      [head(bar: 0, in: language)] + shortHeads(in: language),
      figures(in: language) + furtherFigures(in: language), width: width)
  }

  /// The line for a log file.
  public func plainLine(in language: MessageLanguage = .current) -> String {
    let head = ProgressWords.plainHead(ProgressWords.task(task), ProgressWords.unit(unit), count, percent)
    return ([head] + (figures(in: language) + furtherFigures(in: language)).map(\.text).map { Phrase($0) })
      .map { $0[language] }.joined(separator: language == .chinese ? "，" : ", ")
  }

  /// The line for a log file, in the language of this process's messages.
  public var plainLine: String { plainLine() }

  /// The fullest line that fits: the heads from the longest to the shortest while all figures stay; then the lightest
  /// figures go.
  private func fitted(_ heads: [String], _ all: [(weight: Int, text: String)], width: Int) -> String {
    var figures = all
    while true {
      for (place, head) in heads.enumerated() {
        let line = ([head] + figures.map(\.text)).joined(separator: "  ")
        guard TerminalText.columns(line) > width else { return line }
        // What is only nice to have is not worth the bar.
        if place == 0, figures.contains(where: { $0.weight < Self.barWeight }) { break }
      }
      guard let lightest = figures.indices.min(by: { figures[$0].weight < figures[$1].weight }) else {
        return TerminalText.prefix(heads.last ?? "", columns: width)
      }
      figures.remove(at: lightest)
    }
  }

  private var share: Double { total > 0 ? min(1, max(0, Double(done) / Double(total))) : 0 }

  /// Rounded down, so that 100 % is said at the end and not before.
  private var percent: String { total > 0 ? "\(Int(share * 100)) %" : "" }

  private var count: String { total > 0 ? "\(done)/\(total)" : "\(done)" }

  /// Of training, the figures say what is going on; another task needs its name.
  private func shortHeads(in language: MessageLanguage) -> [String] {
    [taskAndCount(in: language)] + (task == "train" ? [count] : [])
  }

  private func taskAndCount(in language: MessageLanguage) -> String {
    "\(ProgressWords.task(task)[language]) \(count)"
  }

  private func head(bar width: Int, in language: MessageLanguage) -> String {
    guard total > 0 else { return taskAndCount(in: language) }
    let filled = Int(share * Double(width))
    let bar = String(repeating: "━", count: filled) + String(repeating: "─", count: width - filled)
    return ([taskAndCount(in: language)] + (width > 0 ? [bar] : []) + [percent]).joined(separator: " ")
  }

  private static let barWeight = 4

  /// The figures in the order in which they are shown; the lightest goes first when room is short.
  private func figures(in language: MessageLanguage) -> [(weight: Int, text: String)] {
    var figures: [(weight: Int, text: String)] = []
    func add(_ weight: Int, _ phrase: Phrase) { figures.append((weight, phrase[language])) }
    if let loss { add(10, ProgressWords.loss(HumanText.fixed(loss, 4))) }
    if let accuracy { add(8, ProgressWords.accuracy(HumanText.percent(accuracy))) }
    if let margin { add(6, ProgressWords.margin(HumanText.fixed(margin, 3))) }
    if let pairsPerSecond { add(7, ProgressWords.rate(HumanText.count(pairsPerSecond), of: example)) }
    if let tokensPerSecond { add(2, Phrase("\(HumanText.count(tokensPerSecond)) tok/s")) }
    if let secondsLeft { add(9, ProgressWords.left(secondsLeft)) }
    if let lagging { add(5, ProgressWords.lag(lagging.rank, HumanText.fixed(lagging.ratio, 1))) }
    if let device { add(3, Phrase(device)) }
    if let memoryBytes { add(1, Phrase(HumanText.bytes(memoryBytes))) }
    return figures
  }

  private func furtherFigures(in language: MessageLanguage) -> [(weight: Int, text: String)] {
    var figures: [(weight: Int, text: String)] = []
    if let learningRate { figures.append((1, ProgressWords.learningRate(HumanText.short(learningRate))[language])) }
    if let gradientNorm { figures.append((0, ProgressWords.gradientNorm(HumanText.short(gradientNorm))[language])) }
    return figures
  }
}
