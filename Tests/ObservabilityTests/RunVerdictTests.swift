import Observability
import OrderedJSON
import Testing

@Suite("The verdict on a run")
struct RunVerdictTests {
  private func evidence(_ accuracy: Double, on pairs: Int = 100) throws -> RunEvidence {
    var evidence = RunEvidence()
    evidence.heldOut = .init(
      pairs: pairs, accuracy: try #require(Estimate.wilson(successes: accuracy * Double(pairs), trials: pairs)))
    return evidence
  }

  private func findings(_ evidence: RunEvidence) -> [RunVerdict.Finding] {
    RunVerdict(evidence).findings.map(\.finding)
  }

  @Test("It learned where the interval lies above chance, and one cannot tell where it holds chance")
  func learned() throws {
    #expect(try findings(evidence(0.81)) == [.learned])
    #expect(try findings(evidence(0.55)) == [.undecided])
    #expect(try findings(evidence(0.55, on: 10_000)) == [.learned])
    #expect(try findings(evidence(0.3)) == [.worsened])
    let text = try RunVerdict(evidence(0.81)).text
    #expect(
      text.hasPrefix("Verdict: it learned. On 100 held-out pairs the accuracy is 81.0 % (95 % interval 72.2 to 87.5 %)")
    )
    #expect(try RunVerdict(evidence(0.55)).text.contains("one cannot tell whether it learned"))
  }

  @Test(
    "Where the start is known, it learned only if the same pairs changed, and it got worse if they changed for the worse"
  )
  func changed() throws {
    var good = try evidence(0.81)
    good.heldOut?.accuracyChange = Estimate(0.02, low: -0.05, high: 0.09)
    good.heldOut?.marginChange = Estimate(0.1, low: -0.1, high: 0.3)
    #expect(findings(good) == [.undecided])
    #expect(RunVerdict(good).text.contains("holds no change too, the margin changed by +0.100 (-0.100 to +0.300)"))
    good.heldOut?.accuracyChange = Estimate(0.2, low: 0.1, high: 0.3)
    #expect(findings(good) == [.learned])
    good.heldOut?.accuracyChange = Estimate(-0.2, low: -0.3, high: -0.1)
    #expect(findings(good) == [.worsened])
  }

  @Test("A margin beyond 15 is no success, however well the pairs are told apart")
  func drifted() throws {
    var far = try evidence(0.98)
    far.heldOut?.margin = 49.3
    #expect(findings(far) == [.drifted, .learned])
    let text = RunVerdict(far).text
    #expect(text.hasPrefix("Verdict: it went too far from its reference. The margin is 49.3, far beyond 15"))
    #expect(!text.contains("it learned"))
    far.heldOut?.margin = 5
    #expect(findings(far) == [.learned])
  }

  @Test("It memorised where training pairs are told apart and held-out ones are not")
  func memorised() throws {
    var some = try evidence(0.53)
    some.training = .init(pairs: 200, accuracy: 0.99, margin: 4.2)
    #expect(findings(some) == [.memorised, .undecided])
    #expect(RunVerdict(some).text.contains("margin 4.200; held-out pairs do not follow"))
    some.training = .init(pairs: 8, accuracy: 0.75, margin: 0.2)
    #expect(findings(some) == [.undecided], "eight pairs prove nothing")
    var both = try evidence(0.95)
    both.training = .init(pairs: 200, accuracy: 0.99, margin: 4.2)
    #expect(findings(both) == [.learned])
  }

  @Test("It forgot where the guard texts lost two percent, and more than they vary among themselves")
  func forgot() throws {
    var some = try evidence(0.81)
    some.guarded = .init(before: 2.5, after: 2.75, change: Estimate(0.25, low: 0.2, high: 0.3))
    #expect(findings(some) == [.forgot, .learned])
    #expect(RunVerdict(some).text.contains("rose by 10.0 % (95 % interval 8.0 % to 12.0 %), from 2.500 to 2.750"))
    some.guarded = .init(before: 2.5, after: 2.75, change: Estimate(0.25, low: -0.1, high: 0.6))
    #expect(findings(some) == [.learned])
    some.guarded = .init(before: 2.5, after: 2.52, change: Estimate(0.02, low: 0.01, high: 0.03))
    #expect(findings(some) == [.learned])
  }

  @Test("It went for length where answers grew, or where the longer answer is preferred whichever it is")
  func lengthened() throws {
    var some = try evidence(0.6)
    some.answers = .init(count: 4, lengthRatio: 1.8)
    #expect(findings(some).first == .lengthened)
    #expect(RunVerdict(some).text.contains("1.8 times as long"))
    some.answers = .init(count: 4, lengthRatio: 1.1)
    #expect(!findings(some).contains(.lengthened))
    some.heldOut?.chosenLonger = Estimate(0.9, low: 0.8, high: 0.95)
    some.heldOut?.rejectedLonger = Estimate(0.2, low: 0.1, high: 0.35)
    #expect(findings(some).contains(.lengthened))
    some.heldOut?.rejectedLonger = Estimate(0.4, low: 0.3, high: 0.55)
    #expect(!findings(some).contains(.lengthened))
  }

  @Test("It broke where the answers did, which comes before everything else")
  func broke() throws {
    var some = try evidence(0.9)
    some.answers = .init(count: 4, lengthRatio: 3, degeneration: ["75 % of them find no end (the reference's: 0 %)"])
    some.guarded = .init(before: 2, after: 3)
    #expect(findings(some) == [.broke, .forgot, .lengthened, .learned])
    #expect(
      RunVerdict(some).text.hasPrefix("Verdict: the answers broke down, it forgot, it went for length, it learned. Its")
    )
  }

  @Test("Without held-out pairs it is not measured")
  func unmeasured() {
    #expect(findings(RunEvidence()) == [.unmeasured])
    #expect(RunVerdict(RunEvidence()).text.contains("--eval-data"))
  }

  @Test("The evidence is read from the records, up to the step whose model was taken")
  func read() {
    func evaluation(_ step: Int, accuracy: Double, guardLoss: Double) -> MetricsRecord {
      var record = MetricsRecord(
        step: step,
        [
          "eval_pairs": 50, "eval_rewards/accuracies": .number(accuracy), "eval_rewards/margins": .number(Double(step)),
          "guard_loss": .number(guardLoss), "samples": 3, "samples/length_ratio": 1.5,
        ])
      guard step > 0 else { return record }
      record["eval_rewards/accuracies_low"] = accuracy - 0.1
      record["eval_rewards/accuracies_high"] = accuracy + 0.1
      record.set(
        "eval_changes", to: ["rewards/accuracies": Estimate(accuracy - 0.5, low: 0.1, high: 0.4).json])
      record.set("guard_loss_difference", to: Estimate(guardLoss - 2, low: 0, high: 1).json)
      record.set(
        "eval_slices",
        to: SliceFigures.json(
          of: [
            SliceFigures(
              trait: "longer answer", label: "chosen", pairs: 30, accuracy: Estimate(0.9, low: 0.8, high: 1), margin: 1)
          ]))
      return record
    }
    let training = MetricsRecord(
      step: 8, ["loss": 0.5, "rewards/accuracies": 0.75, "rewards/margins": 0.4, "pairs": 64])
    let log = MetricsLog(records: [
      evaluation(0, accuracy: 0, guardLoss: 2), training, evaluation(10, accuracy: 0.7, guardLoss: 2.1),
      evaluation(20, accuracy: 0.8, guardLoss: 2.5),
    ])
    let whole = RunEvidence(log)
    #expect(whole.heldOut?.accuracy.value == 0.8 && whole.guarded?.after == 2.5 && whole.guarded?.before == 2)
    let taken = RunEvidence(log, takenStep: 10)
    #expect(taken.heldOut?.accuracy.value == 0.7)
    #expect(taken.heldOut?.pairs == 50)
    #expect(taken.heldOut?.accuracyChange?.low == 0.1 && taken.heldOut?.chosenLonger?.low == 0.8)
    #expect(taken.heldOut?.rejectedLonger == nil)
    #expect(taken.guarded?.after == 2.1 && taken.guarded?.change?.high == 1)
    #expect(taken.training == .init(pairs: 64, accuracy: 0.75, margin: 0.4))
    #expect(taken.answers == .init(count: 3, lengthRatio: 1.5))
    #expect(RunEvidence(MetricsLog(records: [evaluation(0, accuracy: 0, guardLoss: 2)])) == RunEvidence())
  }
}
