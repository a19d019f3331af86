import Foundation
import Observability
import OrderedJSON
import Testing

@Suite("Intervals of accuracies and of changes")
struct IntervalTests {
  private let golden: JSON

  init() throws { golden = try JSON(parsing: IntervalGoldens.json) }

  private func numbers(_ name: String, _ json: JSON) throws -> [Double] {
    try #require(json[name]?.array).compactMap(\.double)
  }

  @Test("Wilson's interval is that of statsmodels, also at 0, at 1, and where a tie counts half")
  func wilson() throws {
    let rows = try #require(golden["wilson"]?.array)
    #expect(rows.count == 10)
    for row in rows {
      let (successes, trials) = (try #require(row["successes"]?.double), try #require(row["trials"]?.double))
      let found = try #require(Estimate.wilson(successes: successes, trials: Int(trials)))
      #expect(abs(found.low - (row["low"]?.double ?? .nan)) < 1e-9)
      #expect(abs(found.high - (row["high"]?.double ?? .nan)) < 1e-9)
      #expect(found.low <= found.value && found.value <= found.high)
    }
    #expect(Estimate.wilson(successes: 0, trials: 0) == nil)
  }

  @Test("The bootstrap's interval is that of SciPy, for a mean and for a ratio")
  func bootstrap() throws {
    for row in try #require(golden["bootstrap"]?.array) {
      let (differences, weights) = (try numbers("differences", row), try numbers("weights", row))
      var generator = SplitMix(state: 3)
      let found = try #require(
        Estimate.bootstrap(of: differences, weights: weights, resamples: 100_000, using: &generator))
      let (low, high) = (try #require(row["low"]?.double), try #require(row["high"]?.double))
      #expect(abs(found.value - (row["value"]?.double ?? .nan)) < 1e-9)
      // What 100,000 draws leave uncertain of an end.
      #expect(abs(found.low - low) < 0.02 * (high - low))
      #expect(abs(found.high - high) < 0.02 * (high - low))
    }
  }

  @Test("The tail that few units widen is computed with Student's quantile")
  func tails() throws {
    for row in try #require(golden["tails"]?.array) {
      let (units, tail) = (try #require(row["units"]?.double), try #require(row["tail"]?.double))
      #expect(abs(Estimate.expandedTail(units: Int(units)) - tail) < 1e-4, "\(units) units")
    }
  }

  @Test("The same generator gives the same interval; fewer than two units have none; equal ones are certain")
  func edges() throws {
    func interval(_ differences: [Double], seed: UInt64 = 1) -> Estimate? {
      var generator = SplitMix(state: seed)
      return .bootstrap(of: differences, using: &generator)
    }
    let some = (0..<30).map { sin(Double($0)) }
    #expect(interval(some) == interval(some))
    #expect(interval(some) != interval(some, seed: 2))
    #expect(interval([]) == nil)
    #expect(interval([1]) == nil)
    #expect(interval([0.5, 0.5, 0.5]) == Estimate(0.5, low: 0.5, high: 0.5))
    #expect(interval([0.5, .nan])?.value.isNaN == true)
  }

  @Test("On simulated accuracies the 95 % interval covers 93 to 97 %", arguments: [40, 100, 400])
  func wilsonCoverage(pairs: Int) {
    var generator = SplitMix(state: 11)
    let rounds = 20_000
    var covered = 0
    for _ in 0..<rounds {
      let accuracy = 0.4 + 0.55 * generator.unit()
      let wins = (0..<pairs).count { _ in generator.unit() < accuracy }
      guard let found = Estimate.wilson(successes: Double(wins), trials: pairs) else { continue }
      if found.low <= accuracy, accuracy <= found.high { covered += 1 }
    }
    #expect((0.93...0.97).contains(Double(covered) / Double(rounds)), "\(covered) of \(rounds)")
  }

  @Test("On simulated changes of the accuracy of the same pairs it covers 93 to 97 % too", arguments: [50, 100, 300])
  func bootstrapCoverage(pairs: Int) {
    var generator = SplitMix(state: 5)
    let rounds = 2000
    var covered = 0
    for _ in 0..<rounds {
      // Some pairs are won that were lost, and the other way round.
      let (up, down) = (0.1 + 0.25 * generator.unit(), 0.05 + 0.15 * generator.unit())
      let differences = (0..<pairs).map { _ -> Double in
        let draw = generator.unit()
        return draw < up ? 1 : draw < up + down ? -1 : 0
      }
      guard let found = Estimate.bootstrap(of: differences, resamples: 1000, using: &generator) else { continue }
      if found.low - 1e-9 <= up - down, up - down <= found.high + 1e-9 { covered += 1 }
    }
    #expect((0.93...0.97).contains(Double(covered) / Double(rounds)), "\(covered) of \(rounds)")
  }

  @Test("Ties count half, and where all pairs tie there is nothing to tell")
  func ties() throws {
    let accuracy = RewardAccuracy(margins: [0.4, 1e-9, -1e-8, -0.3, .nan, 2])
    #expect(accuracy.wins == 2 && accuracy.ties == 2 && accuracy.pairs == 6)
    #expect(accuracy.estimate?.value == 0.5)
    #expect(!accuracy.isAtChance)
    #expect(RewardAccuracy(margins: [0, 0, 1e-8]).isAtChance)
    #expect(RewardAccuracy(margins: [0, 0]).estimate?.value == 0.5)
    #expect([0.1, 0, -0.1].map(RewardAccuracy.score) == [1, 0.5, 0])
  }
}

/// SplitMix64, so that the tests' numbers are the same everywhere.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }

  mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
}
