import Foundation
import Observability
import OrderedJSON
import Training

extension IntervalReport {
  /// The seconds of the interval that each rank spent on each part of its steps, for ``MetricName/rankTimes``:
  /// `{"forward": [rank 0's, rank 1's, …], …}`; parts that took no time are left out.
  var rankTimes: JSON {
    let ranks = ranks.isEmpty ? [own] : ranks
    var parts: JSON.Object = [:]
    for part in StepPart.allCases {
      let seconds = ranks.map { $0.times[part] }
      guard seconds.contains(where: { $0 > 0 }) else { continue }
      // Ten microseconds are fine enough, and keep the line short.
      parts[part.rawValue] = .array(seconds.map { .number(($0 * 1e5).rounded() / 1e5) })
    }
    return .object(parts)
  }
}
