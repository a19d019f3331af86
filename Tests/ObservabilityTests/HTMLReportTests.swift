import Foundation
import Observability
import OrderedJSON
import Testing

@Suite("report.html")
struct HTMLReportTests {
  /// A run with plausible curves.
  private func run(_ name: String, steps: Int = 40, learningRate: String = "5e-7") -> ReportRun {
    var records: [MetricsRecord] = []
    for step in 0...steps {
      let progress = Double(step) / Double(steps)
      let loss = 0.6931 - 0.3 * progress + 0.02 * sin(Double(step))
      if step > 0 {
        records.append(
          MetricsRecord(
            step: step,
            [
              "loss": .number(loss), "grad_norm": 2.5, "learning_rate": .number(5e-7 * (1 - progress)),
              "rewards/chosen": .number(-0.1 * progress), "rewards/rejected": .number(-progress),
              "rewards/accuracies": .number(0.5 + 0.3 * progress), "rewards/margins": .number(0.9 * progress),
              "logps/chosen": -250.5, "logps/rejected": -260.25, "tokens_per_second": 12_345,
            ]))
      }
      if step.isMultiple(of: 20) {
        records.append(
          MetricsRecord(
            step: step,
            [
              "eval_loss": .number(loss), "eval_rewards/accuracies": .number(step == 0 ? 0 : 0.75),
              "eval_rewards/margins": .number(progress),
            ]))
      }
    }
    let totals = RunTotals(
      steps: steps, epochs: 1, pairs: steps * 8, tokens: steps * 8000, seconds: 3720, pairsRead: 600,
      dropped: ["nothing to learn from": 81], truncated: 12)
    return ReportRun(
      name: name, log: MetricsLog(records: records, totals: totals),
      configuration: "# resolved\nmodel: out/sft\nlearning-rate: \(learningRate)\nlora-target-modules:\n  - q_proj\n",
      environment: ["libtorch": "2.13.0", "machine": ["cores": 2, "memory_bytes": 25_769_803_776]])
  }

  @Test("A run has all its plots, their landmarks, and its tables, and is well-formed")
  func oneRun() throws {
    let html = HTMLReport([run("my-run")]).html
    for title in [
      "Loss", "Reward margin", "Reward accuracy", "Rewards", "Log-probabilities", "Gradient norm", "Learning rate",
      "Tokens per second",
    ] {
      #expect(html.contains("<h3>\(title)</h3>"), "\(title)")
    }
    #expect(html.contains("0.693: the start") && html.contains(">chance</text>"))
    #expect(html.contains("dropped: nothing to learn from</th><td>81</td>"))
    #expect(html.contains("lora-target-modules</th><td><span class=\"value\">\n  - q_proj</span>"))
    #expect(html.contains("machine.memory_bytes</th><td><span class=\"value\">24.0 GiB</span>"))
    #expect(html.contains("<td>1 h 02 min</td>"))
    try expectWellFormed(html)
  }

  @Test("Nothing is fetched and nothing runs")
  func selfContained() {
    let html = HTMLReport([run("a"), run("b")]).html
    for forbidden in ["<script", "http://", "https://", "<link", "<img", "url(", "@import", "onload"] {
      #expect(!html.contains(forbidden), "\(forbidden)")
    }
    #expect(html.contains("prefers-color-scheme: dark"))
  }

  @Test("Pointing at a plot shows the step and every value there")
  func tooltips() {
    #expect(
      HTMLReport([run("a")]).html.contains(
        "<title>step 20\nreward accuracy: 65.0 %\nevaluation: 75.0 %</title>"))
  }

  @Test("Several runs share the plots; a legend names them and what differs is marked")
  func severalRuns() throws {
    let html = HTMLReport([run("first"), run("second", learningRate: "1e-6"), run("first")]).html
    #expect(html.contains("<h1>3 DPO runs</h1>"))
    #expect(html.contains("first (2)"))
    #expect(html.contains("<tr class=\"differs\"><th scope=\"row\">learning-rate</th>"))
    #expect(!html.contains("<tr class=\"differs\"><th scope=\"row\">model</th>"))
    #expect(html.contains("class=\"c2 dashed\""))
    #expect(html.ranges(of: "<svg").count == 8)
    try expectWellFormed(html)
  }

  @Test("Text from files cannot become markup")
  func escaping() throws {
    var hostile = run("<b>&\"'")
    hostile.configuration = "model: </span><script>alert(1)</script>\n<i>: x\u{1}\n"
    hostile.environment = ["<img src=x>": "&amp;"]
    hostile.log.totals?.dropped = ["<u>": 1]
    let html = HTMLReport([hostile, hostile]).html
    #expect(!html.contains("<script") && !html.contains("<b>") && !html.contains("<img") && !html.contains("<u>"))
    #expect(html.contains("&lt;b&gt;&amp;&quot;&#39;") && html.contains("&amp;amp;"))
    try expectWellFormed(html)
  }

  @Test("A run that has just begun, or holds one point, or broken values, still gives a page")
  func sparse() throws {
    let empty = HTMLReport([ReportRun(name: "empty", log: MetricsLog(records: []))]).html
    #expect(empty.contains("No records yet.") && !empty.contains("<svg"))
    try expectWellFormed(empty)

    let one = HTMLReport([ReportRun(name: "one", log: MetricsLog(records: [MetricsRecord(step: 1, ["loss": 0.69])]))])
      .html
    #expect(one.ranges(of: "<svg").count == 1)
    try expectWellFormed(one)

    let records = [1: 0.5, 2: Double.nan, 3: 0.4, 4: .infinity].sorted { $0.key < $1.key }.map {
      MetricsRecord(step: $0.key, ["loss": .number($0.value), "grad_norm": .null])
    }
    let broken = HTMLReport([ReportRun(name: "broken", log: MetricsLog(records: records, damagedLines: [7]))]).html
    #expect(broken.contains("The loss was not a finite number in 2 of the records."))
    #expect(broken.contains("could not be read in line 7"))
    #expect(!broken.contains("nan,") && !broken.contains("inf,"))
    try expectWellFormed(broken)
  }

  @Test("Before the first step all pairs tie, which is no accuracy of 0 %")
  func tie() {
    let html = HTMLReport([run("a")]).html
    #expect(!html.contains("evaluation: 0.0 %"))
  }

  @Test("A long run stays a small page, and keeps its spikes")
  func long() {
    var records = (1...20_000).map { MetricsRecord(step: $0, ["grad_norm": .number(2 + sin(Double($0)))]) }
    records[12_344]["grad_norm"] = 99
    let html = HTMLReport([ReportRun(name: "long", log: MetricsLog(records: records))]).html
    #expect(html.utf8.count < 60_000)
    #expect(html.contains(">100</text>"))
  }

  @Test("A folder is read with whatever it holds, and the page written beside")
  func folder() throws {
    try withTemporaryFolder { folder in
      let metrics = try MetricsFile(creating: folder.appending(path: "metrics.jsonl"))
      metrics.append(MetricsRecord(step: 1, ["loss": 0.69]))
      let report = HTMLReport([try ReportRun(folder: folder)])
      let file = folder.appending(path: "report.html")
      try report.write(to: file)
      #expect(try String(contentsOf: file, encoding: .utf8) == report.html)
      #expect(report.html.contains("<h1>DPO run \(folder.lastPathComponent)</h1>"))
    }
    #expect(throws: MetricsFileError.self) { try ReportRun(folder: URL(filePath: "/nonexistent-folder")) }
    #expect(throws: ReportError.self) { try HTMLReport([]).write(to: URL(filePath: "/nonexistent-folder/report.html")) }
  }

  /// Every element is closed in order, and no attribute or text breaks out.
  private func expectWellFormed(_ html: String) throws {
    var open: [Substring] = []
    for match in html.matches(of: /<(\/?)([a-z][a-z0-9]*)((?:\s+[a-zA-Z][a-zA-Z0-9-]*(?:="[^"<>]*")?)*)\s*(\/?)>/) {
      let (_, close, name, _, empty) = match.output
      if !close.isEmpty {
        #expect(open.popLast() == name)
      } else if empty.isEmpty, name != "meta" {
        open.append(name)
      }
    }
    #expect(open.isEmpty)
    let text = html.replacing(/<\/?[a-z][a-z0-9]*(?:\s+[a-zA-Z][a-zA-Z0-9-]*(?:="[^"<>]*")?)*\s*\/?>/, with: "")
      .replacing("<!DOCTYPE html>", with: "")
    let stray = text.firstIndex(of: "<").map { text[$0...].prefix(80) }
    #expect(stray == nil)
  }
}
