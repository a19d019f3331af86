import Observability
import OrderedJSON
import Testing

@Suite("The closing words of supervised fine-tuning")
struct TextOutcomeTests {
  private func record(_ step: Int, _ loss: Double, accuracy: Double = 0.5, prefix: String = "eval_") -> MetricsRecord {
    var values: JSON.Object = [
      prefix + "loss": .number(loss), prefix + "mean_token_accuracy": .number(accuracy),
    ]
    if prefix == "eval_" { values["eval_pairs"] = 40 }
    return MetricsRecord(step: step, values)
  }

  private func text(_ records: [MetricsRecord], takenStep: Int? = nil) -> String {
    var summary = RunSummary(
      totals: RunTotals(
        steps: 20, epochs: 1, pairs: 160, tokens: 80_000, seconds: 100, pairsRead: 170,
        dropped: ["no target token within the maximal length": 10], truncated: 3), learningRate: 2e-5, beta: 0.1)
    summary.texts = TextOutcome(MetricsLog(records: records), takenStep: takenStep)
    return summary.text
  }

  @Test("Held-out texts before and after, with loss, perplexity and tokens")
  func healthy() {
    let text = text([record(0, 3.2, accuracy: 0.31), record(10, 2.4), record(20, 2.1, accuracy: 0.52)])
    #expect(text.hasPrefix("Trained 20 steps over 160 texts (1 epoch) in 1 min 40 s (1.6 texts/s, 800 tokens/s)."))
    #expect(
      text.contains(
        """
        Before → after (on 40 held-out texts):
          loss          3.2000 → 2.1000
          perplexity    24.5 → 8.17
          tokens right  31.0 % → 52.0 %
        """), "\(text)")
    #expect(text.contains("Dropped 10 of 170 texts: 10 no target token within the maximal length."))
    #expect(text.contains("3 texts."))
    #expect(!text.contains("Warning"))
    #expect(!text.contains("DPO"))
  }

  @Test("What went wrong is pointed out with its numbers")
  func warnings() {
    #expect(text([record(0, 3), record(20, 3.5)]).contains("became less likely than before"))
    let overfit = text([record(0, 3), record(10, 2), record(20, 2.5)])
    #expect(overfit.contains("lowest after step 10, 2.0000"))
    // The model of that step was taken.
    #expect(!text([record(0, 3), record(10, 2), record(20, 2.5)], takenStep: 10).contains("Warning"))
    #expect(text([record(0, 3), record(20, .nan)]).contains("no longer a finite number"))
  }

  @Test("Without held-out texts the intervals of training stand in, and say so")
  func training() {
    let two = text([record(10, 3, prefix: ""), record(20, 2, prefix: "")])
    #expect(two.contains("first and last logging interval of training; give --eval-data or\n  --eval-split for a fair"))
    #expect(text([record(20, 2, prefix: "")]).contains("On the only logging interval:"))
    #expect(text([]).contains("Trained 20 steps"))
  }
}
