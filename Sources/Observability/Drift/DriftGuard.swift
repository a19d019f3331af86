/// Watches where a preference run goes, and says in words what its curves show: that nothing is learnt, or that both answers of
/// the pairs become improbable. Each is said once in a run.
///
/// The limits are rules of thumb, on the cautious side; each sentence gives the numbers it rests on.
public struct DriftGuard: Hashable, Sendable, Codable {
  /// What can be found.
  public enum Kind: String, Hashable, Sendable, Codable {
    /// The loss stays where it began.
    case nothingLearnt = "nothing-learnt"
    /// The log-probabilities of chosen and rejected answers fall together: likelihood displacement (Razin et al., 2024,
    /// arXiv:2410.08847; Pal et al., 2024, arXiv:2402.13228).
    case displacement = "likelihood-displacement"
  }

  /// What a logging interval measured.
  public struct Interval: Hashable, Sendable {
    /// Its last step.
    public var step: Int
    /// Its number of steps.
    public var steps: Int
    /// Mean loss.
    public var loss: Double
    /// Mean reward of the chosen answers.
    public var chosenReward: Double
    /// Mean reward of the rejected answers.
    public var rejectedReward: Double
    /// Mean log-probability of the chosen answers, summed over their tokens.
    public var chosenLogProbability: Double
    /// The same of the rejected answers.
    public var rejectedLogProbability: Double

    /// What was measured.
    public init(
      step: Int, steps: Int, loss: Double, chosenReward: Double, rejectedReward: Double, chosenLogProbability: Double,
      rejectedLogProbability: Double
    ) {
      (self.step, self.steps, self.loss) = (step, steps, loss)
      (self.chosenReward, self.rejectedReward) = (chosenReward, rejectedReward)
      (self.chosenLogProbability, self.rejectedLogProbability) = (chosenLogProbability, rejectedLogProbability)
    }
  }

  /// What is known of the run beforehand.
  public struct Run: Hashable, Sendable {
    /// The loss at the first step; nil where it is not known without a measurement.
    public var startLoss: Double?
    /// β of the loss.
    public var beta: Double
    /// The largest learning rate.
    public var learningRate: Double
    /// Steps in which the rate rises.
    public var warmupSteps: Int
    /// Steps of the whole run.
    public var totalSteps: Int

    /// What is known.
    public init(startLoss: Double?, beta: Double, learningRate: Double, warmupSteps: Int, totalSteps: Int) {
      (self.startLoss, self.beta, self.learningRate) = (startLoss, beta, learningRate)
      (self.warmupSteps, self.totalSteps) = (warmupSteps, totalSteps)
    }

    /// After so many steps beyond the warm-up without movement it is said: a hundred, in a shorter run half of it.
    var patience: Int { min(100, max(20, (totalSteps - warmupSteps) / 2)) }
  }

  private var said: Set<Kind> = []
  private var stillSteps = 0
  private var fallenIntervals = 0

  /// Nothing is known yet.
  public init() {}

  /// Looks at an interval.
  ///
  /// - Returns: what is to be said now
  public mutating func look(_ interval: Interval, of run: Run) -> [Warning] {
    [nothingLearnt(interval, run), displacement(interval, run)].compactMap(\.self)
      .filter { said.insert($0.kind).inserted }
  }

  private mutating func nothingLearnt(_ interval: Interval, _ run: Run) -> Warning? {
    guard let start = run.startLoss, interval.step > run.warmupSteps else { return nil }
    let margin = interval.chosenReward - interval.rejectedReward
    let isStill = abs(interval.loss - start) < 0.003 * max(1, abs(start)) && abs(margin) < 0.01
    stillSteps = isStill ? stillSteps + min(interval.steps, interval.step - run.warmupSteps) : 0
    guard isStill, stillSteps >= run.patience else { return nil }
    return .nothingLearnt(
      stillSteps: stillSteps, loss: interval.loss, start: start, learningRate: run.learningRate, steps: interval.step)
  }

  private mutating func displacement(_ interval: Interval, _ run: Run) -> Warning? {
    guard run.beta > 0 else { return nil }
    let chosen = interval.chosenReward / run.beta
    let rejected = interval.rejectedReward / run.beta
    let reference = interval.chosenLogProbability - chosen
    let isFallen = chosen < -10 && rejected < -10 && chosen < 0.1 * reference
    fallenIntervals = isFallen ? fallenIntervals + 1 : 0
    // One interval may hold odd pairs.
    guard fallenIntervals >= 2 else { return nil }
    return .displacement(
      chosen: .init(before: reference, now: interval.chosenLogProbability),
      rejected: .init(before: interval.rejectedLogProbability - rejected, now: interval.rejectedLogProbability))
  }
}
