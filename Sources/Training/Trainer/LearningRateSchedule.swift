import Foundation

/// The learning rate of every optimizer step.
///
/// The shapes are those of `transformers` (optimization.py) under its names, and MiniMind's own.
public struct LearningRateSchedule: Sendable, Hashable {
  /// The shapes by their option names.
  public enum Shape: String, Sendable, CaseIterable {
    /// Warm-up, then a line down to 0.
    case linear
    /// Warm-up, then half a cosine down to 0.
    case cosine
    /// Warm-up, then half a cosine down to `minimumRatio`.
    case cosineWithMinimum = "cosine_with_min_lr"
    /// The same rate at every step.
    case constant
    /// Warm-up, then the same rate at every step.
    case constantWithWarmup = "constant_with_warmup"
    /// MiniMind's: half a cosine from the rate to a tenth of it, counted in micro-batches from 1, without warm-up.
    case miniMind = "minimind"
  }

  /// The shape.
  public var shape: Shape
  /// The largest rate.
  public var peak: Double
  /// Steps of warm-up.
  public var warmupSteps: Int
  /// Steps of the whole run.
  public var totalSteps: Int
  /// The last rate as a part of the largest, for `cosineWithMinimum`.
  public var minimumRatio: Double

  /// A schedule.
  public init(shape: Shape, peak: Double, warmupSteps: Int = 0, totalSteps: Int, minimumRatio: Double = 0.1) {
    self.shape = shape
    self.peak = peak
    self.warmupSteps = warmupSteps
    self.totalSteps = totalSteps
    self.minimumRatio = minimumRatio
  }

  /// The rate that a step uses.
  ///
  /// - Parameter step: counted from 1
  public func rate(ofStep step: Int) -> Double {
    // `transformers` counts the steps that are done: the first step of a warm-up has rate 0.
    let done = step - 1
    let warmsUp = shape != .constant && shape != .miniMind
    if warmsUp, done < warmupSteps { return peak * Double(done) / Double(max(1, warmupSteps)) }
    let progress = Double(done - warmupSteps) / Double(max(1, totalSteps - warmupSteps))
    switch shape {
    case .constant, .constantWithWarmup: return peak
    case .linear: return peak * max(0, 1 - progress)
    case .cosine: return peak * max(0, 0.5 * (1 + cos(.pi * progress)))
    case .cosineWithMinimum:
      let factor = 0.5 * (1 + cos(.pi * progress))
      return peak * max(0, factor * (1 - minimumRatio) + minimumRatio)
    case .miniMind:
      return peak * (0.1 + 0.45 * (1 + cos(.pi * Double(step) / Double(max(1, totalSteps)))))
    }
  }
}
