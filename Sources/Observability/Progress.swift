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
  /// The learning rate; plain lines only.
  public var learningRate: Double?
  /// The norm of the gradient; plain lines only.
  public var gradientNorm: Double?
  /// What is learned from: `pair`, or `text`.
  public var example = "pair"
  /// Pairs, or texts, per second, over all ranks.
  public var pairsPerSecond: Double?
  /// Tokens per second, over all ranks.
  public var tokensPerSecond: Double?
  /// Expected seconds to the end.
  public var secondsLeft: Double?
  /// How the GPU does, in a few words; nil without one.
  public var device: String?
  /// Memory in use, in bytes.
  public var memoryBytes: Int?

  /// A state without figures; set those that there are.
  public init(task: String = "train", done: Int, total: Int, unit: String = "step") {
    self.task = task
    self.done = done
    self.total = total
    self.unit = unit
  }

  /// The line for a terminal, at most `width` columns: with little room the bar shrinks, then figures go, the ones that
  /// can be read elsewhere first, and the bar before loss, margin, accuracy and time left. The task and its count always
  /// stay (cut off, if even they do not fit).
  public func terminalLine(width: Int) -> String {
    let head = total > 0 ? "\(task) \(done)/\(total)" : "\(task) \(done)"
    var figures = self.figures
    func line(bar: Int) -> String {
      var parts = [head]
      if total > 0 { parts[0] += bar > 0 ? " \(Self.bar(share, width: bar)) \(percent)" : " \(percent)" }
      return (parts + figures.map(\.text)).joined(separator: "  ")
    }
    while true {
      let lightest = figures.indices.min { figures[$0].weight < figures[$1].weight }
      let dropsBar = lightest.map { figures[$0].weight > Self.barWeight } ?? true
      for bar in dropsBar ? [20, 10, 0] : [20, 10] {
        let line = line(bar: bar)
        if line.count <= width { return line }
      }
      guard let lightest else { return String(head.prefix(max(0, width))) }
      figures.remove(at: lightest)
    }
  }

  /// The line for a log file.
  public var plainLine: String {
    var parts = ["\(task) \(unit) \(done)/\(total) (\(percent))"] + figures.map(\.text)
    if let learningRate { parts.append("learning rate \(HumanText.short(learningRate))") }
    if let gradientNorm { parts.append("gradient norm \(HumanText.short(gradientNorm))") }
    return parts.joined(separator: ", ")
  }

  private var share: Double { total > 0 ? min(1, max(0, Double(done) / Double(total))) : 0 }

  /// Rounded down, so that 100 % is said at the end and not before.
  private var percent: String { total > 0 ? "\(Int(share * 100)) %" : "" }

  private static let barWeight = 5

  /// The figures in the order in which they are shown; the lightest goes first when room is short.
  private var figures: [(weight: Int, text: String)] {
    var figures: [(weight: Int, text: String)] = []
    if let loss { figures.append((9, "loss \(HumanText.fixed(loss, 4))")) }
    if let margin { figures.append((8, "margin \(HumanText.fixed(margin, 3))")) }
    if let accuracy { figures.append((7, "acc \(HumanText.percent(accuracy))")) }
    if let pairsPerSecond { figures.append((3, "\(HumanText.count(pairsPerSecond)) \(example)s/s")) }
    if let tokensPerSecond { figures.append((2, "\(HumanText.count(tokensPerSecond)) tok/s")) }
    if let secondsLeft { figures.append((6, "\(HumanText.duration(seconds: secondsLeft)) left")) }
    if let device { figures.append((4, device)) }
    if let memoryBytes { figures.append((1, HumanText.bytes(memoryBytes))) }
    return figures
  }

  private static func bar(_ share: Double, width: Int) -> String {
    let filled = Int(share * Double(width))
    return String(repeating: "━", count: filled) + String(repeating: "─", count: width - filled)
  }
}
