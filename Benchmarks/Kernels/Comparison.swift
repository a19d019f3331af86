import Foundation
import Torch

/// Several measurements of one quantity.
struct Timing {
  /// In seconds.
  let median: Double
  /// The interquartile range over the median.
  let spread: Double

  init(_ measurements: [Double]) {
    let sorted = measurements.sorted()
    median = sorted[sorted.count / 2]
    spread = (sorted[sorted.count * 3 / 4] - sorted[sorted.count / 4]) / median
  }
}

/// Two implementations of the same operation, measured alternately.
struct Comparison {
  let name: String
  let shape: String
  let before: () throws -> Void
  let after: () throws -> Void

  /// The medians of several rounds, in seconds of processor time, which other load on the machine affects less than wall time.
  func measure(rounds: Int) throws -> (before: Timing, after: Timing) {
    var (first, second): ([Double], [Double]) = ([], [])
    try before()
    try after()
    let once = try Self.seconds(before)
    let repetitions = max(1, Int((0.1 / once).rounded()))
    for _ in 0..<rounds {
      first.append(try Self.seconds(before, repetitions))
      second.append(try Self.seconds(after, repetitions))
    }
    return (Timing(first), Timing(second))
  }

  static func seconds(_ body: () throws -> Void, _ repetitions: Int = 1) rethrows -> Double {
    let start = processorSeconds()
    for _ in 0..<repetitions { try body() }
    return (processorSeconds() - start) / Double(repetitions)
  }

  /// Processor time of this process, user and system.
  private static func processorSeconds() -> Double {
    var usage = rusage()
    #if canImport(Glibc)
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    #else
      getrusage(RUSAGE_SELF, &usage)
    #endif
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }
}
