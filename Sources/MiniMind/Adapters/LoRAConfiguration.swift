import OrderedCollections
import OrderedJSON

/// How a model is adapted by low-rank additions to its weights (LoRA: Hu et al., 2021, arXiv:2106.09685), in the terms of PEFT's
/// `LoraConfig`.
public struct LoRAConfiguration: Sendable {
  /// Which layers have an addition.
  public enum Targets: Sendable, Hashable {
    /// Those whose name, or the end of whose name behind a dot, is one of these.
    case names([String])
    /// All linear layers but the head.
    case allLinear
    /// Those whose whole name matches a regular expression.
    case pattern(String)
    /// Those with as many outputs as inputs, as MiniMind's `apply_lora` chooses.
    case square
  }

  /// How A begins; B begins with 0, so that nothing is added at first.
  public enum Initialization: String, Sendable, CaseIterable {
    /// U(−1/√in, 1/√in), PEFT's default: He's uniform distribution with a = √5
    case kaiming = "default"
    /// N(0, 1/r²), PEFT's `gaussian`
    case gaussian
    /// N(0, 0.02²)
    case miniMind = "minimind"
  }

  /// r: the rank of the additions.
  public var rank: Int
  /// α: the additions are multiplied by α / r.
  public var alpha: Double
  /// The probability with which an input of an addition is dropped in training.
  public var dropout: Double
  /// Which layers have an addition.
  public var targets: Targets
  /// Whether the factor is α / √r (Kalajdzievski, 2023, arXiv:2312.03732).
  public var usesRSLoRA: Bool
  /// Whether the length of each row of a weight is learned separately (DoRA: Liu et al., 2024, arXiv:2402.09353).
  public var usesDoRA: Bool
  /// How A begins.
  public var initialization: Initialization
  /// Ranks of some layers, by regular expressions for the ends of their names; the first that matches counts.
  public var rankPattern: OrderedDictionary<String, Int> = [:]
  /// The same for α.
  public var alphaPattern: OrderedDictionary<String, Double> = [:]
  /// The path of the model that is adapted, for the file.
  public var basePath: String?
  /// The file that the configuration is from, with fields that are kept as they are.
  var file: JSON?

  /// A configuration; the defaults are TRL's, but that nothing is dropped.
  public init(
    rank: Int = 16, alpha: Double = 32, dropout: Double = 0, targets: Targets = .names(["q_proj", "v_proj"]),
    usesRSLoRA: Bool = false, usesDoRA: Bool = false, initialization: Initialization = .kaiming
  ) {
    (self.rank, self.alpha, self.dropout, self.targets) = (rank, alpha, dropout, targets)
    (self.usesRSLoRA, self.usesDoRA, self.initialization) = (usesRSLoRA, usesDoRA, initialization)
  }

  /// MiniMind's: rank 16 at the square layers, not scaled.
  public static var miniMind: LoRAConfiguration {
    LoRAConfiguration(rank: 16, alpha: 16, targets: .square, initialization: .miniMind)
  }

  /// The rank at a layer.
  ///
  /// - Throws: `AdapterError` for a pattern that is no regular expression.
  func rank(at path: String) throws(AdapterError) -> Int {
    for (pattern, rank) in rankPattern where try NamePattern(end: pattern).matches(path) { return rank }
    return rank
  }

  /// The factor at a layer.
  ///
  /// - Throws: `AdapterError` for a pattern that is no regular expression.
  func scale(at path: String) throws(AdapterError) -> Double {
    let rank = Double(try self.rank(at: path))
    var alpha = self.alpha
    for (pattern, value) in alphaPattern where try NamePattern(end: pattern).matches(path) {
      alpha = value
      break
    }
    return alpha / (usesRSLoRA ? rank.squareRoot() : rank)
  }
}

/// A regular expression for the names of layers.
struct NamePattern {
  private let text: String
  private let expression: Regex<AnyRegexOutput>

  /// For whole names.
  init(whole pattern: String) throws(AdapterError) {
    text = pattern
    do { expression = try Regex(pattern) } catch { throw .badPattern(pattern) }
  }

  /// For what follows a dot up to the end of a name, or the whole of it, as PEFT's rank and alpha patterns.
  init(end pattern: String) throws(AdapterError) {
    text = pattern
    do { expression = try Regex("(.*\\.)?(\(pattern))") } catch { throw .badPattern(pattern) }
  }

  func matches(_ name: String) throws(AdapterError) -> Bool {
    do { return try expression.wholeMatch(in: name) != nil } catch { throw .badPattern(text) }
  }
}
