import Observability
import Testing

@Suite("The closing words")
struct RunSummaryTests {
  private func summary(before: RunSummary.Snapshot?, after: RunSummary.Snapshot?) -> RunSummary {
    var summary = RunSummary(
      totals: RunTotals(steps: 65, epochs: 1, pairs: 519, tokens: 500_000, seconds: 162), learningRate: 5e-7, beta: 0.1)
    summary.before = before
    summary.after = after
    return summary
  }

  private let start = RunSummary.Snapshot(
    loss: 0.693147, accuracy: 0, margin: 0, chosenReward: 0, chosenLogProbability: -250)

  @Test("A healthy run reads as it should")
  func healthy() {
    var summary = summary(
      before: start,
      after: .init(loss: 0.5012, accuracy: 0.81, margin: 0.5214, chosenReward: 0.1, chosenLogProbability: -249))
    summary.source = .evaluation(pairs: 100)
    summary.totals.pairsRead = 600
    summary.totals.dropped = ["with nothing to learn from within 1024 tokens": 81, "unreadable": 0]
    summary.totals.truncated = 12
    summary.outputs = [.folder("out/dpo"), .weightFile("out/dpo_768.pth")]
    summary.files = ["report": "out/dpo/report.html", "metrics": "out/dpo/metrics.jsonl"]
    #expect(
      summary.text == """
        Trained 65 steps over 519 pairs (1 epoch) in 2 min 42 s (3.2 pairs/s, 3.1k tokens/s).

        Before → after (on 100 held-out pairs):
          accuracy chance → 81.0 %
          margin    0.000 → 0.521
          loss     0.6931 → 0.5012

        A loss of 0.693 (= log 2) is where DPO starts: the model does not yet differ from its
        reference. It sinks slowly and says little. Watch the accuracy (how often the chosen
        answer gained more than the rejected one; 50 % is chance) and the margin (by how much,
        times beta).

        Dropped 81 of 600 pairs: 81 with nothing to learn from within 1024 tokens. Cut to the
        maximum length: 12 sides.

        The model is in out/dpo. In Python:
          AutoModelForCausalLM.from_pretrained("out/dpo")
        MiniMind's weights are in out/dpo_768.pth. In Python:
          model.load_state_dict(torch.load("out/dpo_768.pth", map_location="cpu"))
        report  out/dpo/report.html
        metrics out/dpo/metrics.jsonl
        Next:
          minimind-dpo chat --model out/dpo   # talk to it
          minimind-dpo report out/dpo         # the report again; several folders are compared
        """)
  }

  @Test("A stopped run without records says only what is known")
  func stopped() {
    var summary = summary(before: nil, after: nil)
    summary.totals = RunTotals(steps: 1, epochs: 0.0123, pairs: 1, stoppedBy: "SIGTERM")
    summary.notes = ["Resume with --resume-from-checkpoint auto."]
    #expect(
      summary.text == """
        Stopped by SIGTERM after 1 step over 1 pair (0.0123 epochs) in 0.0 s.

        Resume with --resume-from-checkpoint auto.
        """)
  }

  @Test("MiniMind's learning rate on few pairs is called too small to be seen")
  func still() {
    var summary = summary(
      before: start, after: .init(loss: 0.6929, accuracy: 0.53, margin: 0.0005, chosenReward: 0.001))
    summary.learningRate = 4e-8
    #expect(summary.warnings.count == 1)
    #expect(
      summary.warnings.first?.hasPrefix(
        "Warning: accuracy and margin hardly moved. With a learning rate of 4e-8 × 65 steps no weight can have moved by much "
          + "more than 2.6e-6,") == true)
  }

  @Test("A model that was good already, or whose margin grew, gets no such warning")
  func notStill() {
    #expect(
      summary(
        before: .init(loss: 0.2, accuracy: 0.95, margin: 2), after: .init(loss: 0.2, accuracy: 0.96, margin: 2.01)
      ).warnings.isEmpty)
    #expect(summary(before: start, after: .init(loss: 0.6, accuracy: 0.54, margin: 0.3)).warnings.isEmpty)
  }

  @Test("Chosen answers that became unlikely are pointed out, measured against the reference")
  func fallen() {
    let text = summary(
      before: start,
      after: .init(loss: 0.3, accuracy: 0.9, margin: 2, chosenReward: -4, chosenLogProbability: -290)
    ).warnings.joined()
    #expect(text.contains("fell from -250.0 to -290.0 on average"))
    // A tenth of a long answer's log-probability is no news.
    #expect(
      summary(
        before: start,
        after: .init(loss: 0.3, accuracy: 0.9, margin: 2, chosenReward: -2, chosenLogProbability: -270)
      ).warnings.isEmpty)
  }

  @Test("Margins that exploded, an accuracy that fell, and a loss that is no number are pointed out")
  func trouble() {
    #expect(
      summary(before: start, after: .init(loss: 0.001, accuracy: 1, margin: 42.3)).warnings.joined().contains(
        "the margin grew to 42.3, beyond 15"))
    #expect(
      summary(before: start, after: .init(loss: 0.9, accuracy: 0.3, margin: -0.4)).warnings.joined().contains(
        "the accuracy went down, to 30.0 %"))
    #expect(
      summary(before: start, after: .init(loss: .nan, accuracy: 0, margin: .nan)).warnings.joined().contains(
        "no longer a finite number"))
  }

  @Test("The snapshots come from the evaluations if there are two, else from the training intervals")
  func snapshots() {
    func record(_ step: Int, _ prefix: String, _ loss: Double) -> MetricsRecord {
      MetricsRecord(
        step: step,
        [
          prefix + "loss": .number(loss), prefix + "rewards/accuracies": 0.5, prefix + "rewards/margins": 0.1,
          prefix + "rewards/chosen": 0.2, prefix + "logps/chosen": -100,
        ])
    }
    var records = [record(0, "eval_", 0.69), record(10, "", 0.68), record(20, "", 0.67)]
    var summary = RunSummary(totals: RunTotals(steps: 20), learningRate: 1e-6, beta: 0.1)
    summary.takeSnapshots(from: MetricsLog(records: records), evaluationPairs: 50)
    #expect(summary.source == .training)
    #expect(summary.before?.loss == 0.68 && summary.after?.loss == 0.67)
    records.append(record(20, "eval_", 0.6))
    summary.takeSnapshots(from: MetricsLog(records: records), evaluationPairs: 50)
    #expect(summary.source == .evaluation(pairs: 50))
    #expect(summary.before?.loss == 0.69 && summary.after?.loss == 0.6)
    #expect(summary.after?.chosenReward == 0.2 && summary.after?.chosenLogProbability == -100)
  }

  @Test("A run with a single interval is compared with the start, which needs no measurement")
  func singleInterval() {
    var summary = RunSummary(totals: RunTotals(steps: 4), learningRate: 1e-5, beta: 0.1)
    let only = MetricsRecord(
      step: 4, ["loss": .number(0.66), "rewards/accuracies": .number(0.75), "rewards/margins": .number(0.08)])
    summary.takeSnapshots(from: MetricsLog(records: [only]))
    #expect(summary.source == .start)
    #expect(summary.text.contains("from the start, where the model equals its reference"))
    #expect(summary.text.contains("accuracy chance → 75.0 %"))
    #expect(summary.text.contains("loss     0.6931 → 0.6600"))
    summary.startsAtReference = false
    summary.takeSnapshots(from: MetricsLog(records: [only]))
    #expect(summary.before == nil && summary.after?.loss == 0.66)
    summary.startsAtReference = true
    summary.lossType = "hinge"
    summary.takeSnapshots(from: MetricsLog(records: [only]))
    #expect(summary.before == nil)
  }

  @Test("A change of accuracy that chance could make is called noise, not a result")
  func noise() {
    func text(_ accuracy: Double, on pairs: Int, before: RunSummary.Snapshot? = nil) -> String {
      var summary = summary(
        before: before ?? start, after: .init(loss: 0.65, accuracy: accuracy, margin: 0.09))
      summary.source = .evaluation(pairs: pairs)
      summary.accuracyPairs = pairs
      return summary.text
    }
    // 1.96 √(p (1 − p) / n): ± 10 % for 53 % on 100 pairs, ± 1 % on 10,000.
    #expect(text(0.53, on: 100).contains("chance → 53.0 %, within noise (± 10 % on 100 pairs)"))
    #expect(!text(0.53, on: 10_000).contains("noise"))
    #expect(text(0.5, on: 1).contains("on 1 pair)"))
    #expect(!text(0.81, on: 100).contains("noise"))
    // Between two measurements both are uncertain: ± 14 % here.
    let measured = RunSummary.Snapshot(loss: 0.69, accuracy: 0.5, margin: 0.01)
    #expect(text(0.62, on: 100, before: measured).contains("50.0 % → 62.0 %, within noise (± 14 % on 100 pairs)"))
    #expect(!text(0.4, on: 100, before: measured).contains("went down"))
    #expect(text(0.3, on: 100, before: measured).contains("went down"))
  }

  @Test("Of training intervals the smaller one says how uncertain an accuracy is")
  func noiseOfIntervals() {
    func record(_ step: Int, _ pairs: Int) -> MetricsRecord {
      MetricsRecord(
        step: step,
        [
          "loss": .number(0.68), "rewards/accuracies": .number(0.5), "rewards/margins": .number(0.1),
          "pairs": .integer(pairs),
        ])
    }
    var summary = RunSummary(totals: RunTotals(steps: 30), learningRate: 1e-6, beta: 0.1)
    summary.takeSnapshots(from: MetricsLog(records: [record(10, 80), record(20, 160), record(25, 200)]))
    #expect(summary.accuracyPairs == 40)
  }

  @Test("A run that ended where it began is at chance, and not said to have become worse")
  func stillAtStart() {
    let text = summary(before: start, after: start).text
    #expect(text.contains("accuracy chance → chance"))
    #expect(!text.contains("the accuracy went down"))
  }
}
