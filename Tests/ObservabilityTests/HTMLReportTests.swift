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
              "eval_loss": .number(loss), "eval_rewards/accuracies": .number(step == 0 ? 0 : 0.75), "eval_pairs": 100,
              "eval_rewards/accuracies_low": step == 0 ? .null : 0.65,
              "eval_rewards/accuracies_high": step == 0 ? .null : 0.83,
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

  /// The model that a page holds.
  private func model(_ html: String) throws -> JSON {
    let element = try #require(html.firstMatch(of: /<script type="application\/json" id="model">(.*?)<\/script>/))
    return try JSON(parsing: Data(element.output.1.utf8))
  }

  private func phrase(_ json: JSON?) -> Phrase { Phrase(json) ?? Phrase("") }
  private func english(_ json: JSON?) -> String { phrase(json).en }
  private func chinese(_ json: JSON?) -> String { phrase(json).zh }

  @Test("A run's page holds its curves, its tables, and the verdict in both languages")
  func oneRun() throws {
    let model = try model(HTMLReport([run("my-run")]).html)
    let run = try #require(model["runs"]?[0])
    let charts = try #require(model["charts"]?.array)
    #expect(charts.compactMap { $0["id"]?.string }.prefix(4) == ["loss", "accuracy", "margin", "rewards"])
    for chart in charts {
      let title = phrase(chart["title"])
      #expect(!title.en.isEmpty && !title.zh.isEmpty)
    }
    #expect(run["series"]?["loss"]?["x"]?.array?.count == 40)
    #expect(run["series"]?["eval_rewards/accuracies_low"] != nil)
    #expect(english(run["verdict"]?["words"]) == "It learned")
    #expect(chinese(run["verdict"]?["words"]) == "学到了偏好")
    let sentences = english(run["verdict"]?["sentences"])
    #expect(sentences.contains("75.0 % (95 % interval 65.0 to 83.0 %), above chance"))
    let remark = english(run["remarks"]?[0])
    #expect(remark.contains("81 of 600 pairs (13.5 %) were dropped"))
    #expect(run["data"]?["rows"]?.array?.contains { $0["value"]?.string == "81" } == true)
    #expect(run["settings"]?["lora-target-modules"]?.string == "\n  - q_proj")
    #expect(run["environment"]?["machine.memory_bytes"]?.string == "24.0 GiB")
    #expect(
      run["figures"]?.array?.contains { english($0["value"]) == "1 h 02 min" && chinese($0["value"]) == "1 小时 02 分" }
        == true)
  }

  @Test("Nothing is fetched: the page forbids itself to")
  func selfContained() {
    let html = HTMLReport([run("a"), run("b")]).html
    for forbidden in ["src=", "http://", "https://", "<link", "<img", "url(http", "@import", "fetch("] {
      #expect(!html.replacing("http://www.w3.org/2000/svg", with: "").contains(forbidden), "\(forbidden)")
    }
    #expect(html.contains("default-src 'none'"))
    #expect(html.contains("prefers-color-scheme: dark") && html.contains("@media print"))
  }

  @Test("Runs are compared by the options in which they differ, and folders of one name are told apart")
  func severalRuns() throws {
    let html = HTMLReport([run("first"), run("second", learningRate: "1e-6"), run("first")]).html
    #expect(html.contains("<title>3 DPO runs</title>"))
    let model = try model(html)
    #expect(model["differences"]?.array == ["learning-rate"])
    #expect(model["runs"]?.array?.compactMap { $0["name"]?.string } == ["first", "second", "first (2)"])
  }

  @Test("Text from files cannot become markup, nor end the element that holds it")
  func escaping() throws {
    var hostile = run("<b>&\"'</script><script>alert(1)</script>")
    hostile.configuration = "model: </script><script>alert(1)</script>\n<i>: x\u{1}\n"
    hostile.environment = ["<img src=x>": "&amp;"]
    hostile.log.totals?.dropped = ["<u>": 100]
    let html = HTMLReport([hostile, hostile]).html
    #expect(html.ranges(of: "<script").count == 2 && html.ranges(of: "</script>").count == 2)
    #expect(!html.contains("<b>&") && !html.contains("<img") && !html.contains("<u>"))
    #expect(html.contains("&lt;b&gt;&amp;&quot;&#39;"))
    let settings = try model(html)["runs"]?[0]?["settings"]
    #expect(settings?["model"]?.string == "</script><script>alert(1)</script>")
  }

  @Test("A run says how it stands: done, ended, stopped, failed, killed, or going on")
  func states() throws {
    func state(_ change: (inout ReportRun) -> Void) throws -> (name: String?, sentence: Phrase) {
      var run = run("a")
      change(&run)
      let json = try model(HTMLReport([run]).html)["runs"]?[0]?["state"]
      return (json?["name"]?.string, phrase(json?["sentence"]))
    }
    #expect(try state { _ in }.name == "finished")
    #expect(try state { $0.log.totals?.endedEarly = "enough" }.sentence.en == "It ended after step 40: enough.")
    #expect(
      try state { $0.log.totals?.stoppedBy = "SIGTERM" }.sentence.en.hasPrefix("Stopped by SIGTERM after step 40"))
    #expect(
      try state {
        $0.log.totals = nil
        $0.isRunning = true
      }.name == "running")
    let killed = try state {
      $0.log.totals = nil
      $0.isRunning = false
    }
    #expect(killed.name == "killed" && killed.sentence.zh.contains("被终止"))
    let failed = try state {
      $0.log.totals = nil
      $0.isRunning = false
      $0.log.events = [RunEvent(.failure, step: 40, "the disk is gone")]
    }
    #expect(failed.name == "failed" && failed.sentence.en == "It failed after step 40: the disk is gone")
    #expect(try state { $0.log.totals = nil }.name == "unknown")
  }

  @Test("A run that cannot go on leaves its reason in metrics.jsonl, where a report finds it")
  func failure() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "metrics.jsonl")
      let metrics = try MetricsFile(creating: file)
      metrics.append(MetricsRecord(step: 1, ["loss": 0.69]))
      RunEvent(.failure, step: 1, "rank 1 is gone").append(to: file)
      let run = try ReportRun(folder: folder)
      #expect(run.state == .failed(reason: "rank 1 is gone"))
      #expect(try MetricsLog(contentsOf: file).damagedLines.isEmpty)
    }
  }

  @Test("What was found in the data is told with reasons and advice in both languages")
  func data() throws {
    var run = run("a")
    run.data = [
      "pairs": 500, "usable": 307, "truncated": 12,
      "dropped": [
        [
          "reason": ["en": "identical after truncation", "zh": "截断后相同"], "count": 193,
          "advice": ["en": "Raise --max-length.", "zh": "请增大 --max-length。"],
        ]
      ],
      "findings": [
        ["check": "length-bias", "severity": "warning", "title": "long", "count": 1, "total": 2, "advice": ""]
      ],
    ]
    let json = try #require(try model(HTMLReport([run]).html)["runs"]?[0])
    #expect(
      english(json["remarks"]?[0])
        == "193 of 500 pairs (38.6 %) were dropped and taught nothing: 193 identical after truncation. Raise --max-length."
    )
    let remark = chinese(json["remarks"]?[0])
    #expect(remark.contains("截断后相同"))
    #expect(json["data"]?["findings"]?[0]?["check"]?.string == "length-bias")
  }

  @Test("The seconds of each rank's parts add up over the intervals, and the rest of the time has its own part")
  func parts() throws {
    let records = (1...2).map { step in
      MetricsRecord(
        step: step,
        ["loss": 0.6, "time/ranks": ["forward": [1, 2], "backward": [2.5, 3], "communication": [1.5, 0]]])
    }
    let log = MetricsLog(records: records, totals: RunTotals(steps: 2, seconds: 20))
    let parts = try #require(try model(HTMLReport([ReportRun(name: "a", log: log)]).html)["runs"]?[0]?["parts"])
    #expect(parts["names"]?.array?.compactMap { $0["id"]?.string } == ["forward", "backward", "communication", "rest"])
    #expect(parts["ranks"] == [[2, 5, 3, 10], [4, 6, 0, 10]])
  }

  @Test("A run that has just begun, or holds one point, or broken values, still gives a page")
  func sparse() throws {
    let empty = try model(HTMLReport([ReportRun(name: "empty", log: MetricsLog(records: []))]).html)
    #expect(empty["runs"]?[0]?["series"]?.object?.isEmpty == true)
    let records = [1: 0.5, 2: Double.nan, 3: 0.4, 4: .infinity].sorted { $0.key < $1.key }.map {
      MetricsRecord(step: $0.key, ["loss": .number($0.value), "grad_norm": .null])
    }
    let run = ReportRun(name: "broken", log: MetricsLog(records: records, damagedLines: [7]))
    let broken = try #require(try model(HTMLReport([run]).html)["runs"]?[0])
    let remarks = broken["remarks"]?.array?.map { english($0) }.joined(separator: " ") ?? ""
    #expect(remarks.contains("The loss was not a finite number in 2 of the records."))
    #expect(remarks.contains("could not be read in line 7"))
    let loss: JSON = ["x": [1, 2, 3, 4], "y": [0.5, .null, 0.4, .null], "broken": [2, 4]]
    #expect(broken["series"]?["loss"] == loss)
  }

  @Test("Before the first step all pairs tie, which is no accuracy of 0 %")
  func tie() throws {
    let series = try model(HTMLReport([run("a")]).html)["runs"]?[0]?["series"]?["eval_rewards/accuracies"]
    #expect(series?["x"] == [20, 40])
  }

  @Test("A run of 100,000 records stays a page of well under 5 MB, and keeps its spikes and its last step")
  func long() throws {
    let names = [
      "loss", "grad_norm", "learning_rate", "rewards/chosen", "rewards/rejected", "rewards/accuracies",
      "rewards/margins",
      "logps/chosen", "logps/rejected", "tokens_per_second", "utilization", "time/step", "time/data_wait",
    ]
    var records = (1...100_000).map { step in
      MetricsRecord(step: step, JSON.Object(names.map { ($0, .number(2 + sin(Double(step)))) }))
    }
    records[12_344]["grad_norm"] = 99
    let html = HTMLReport([ReportRun(name: "long", log: MetricsLog(records: records))]).html
    #expect(html.utf8.count < 1_500_000)
    let norm = try model(html)["runs"]?[0]?["series"]?["grad_norm"]
    #expect(norm?["high"]?.array?.contains(99) == true)
    #expect(norm?["x"]?.array?.last == 100_000)
    #expect(norm?["x"]?.array?.count == 1000)
  }

  @Test("A bucket keeps the mean, the least and the greatest of its records", arguments: [1, 2, 7, 100])
  func buckets(limit: Int) {
    let points = (0..<500).map { (step: Double($0), value: $0 == 250 ? .nan : Double($0 % 17)) }
    let series = PlottedSeries(points, limit: limit)
    #expect(series.steps.count == limit && series.means.count == limit)
    #expect(series.steps == series.steps.sorted())
    #expect(series.brokenSteps == [250])
    #expect(series.extent?.high.max() == 16 && series.extent?.low.min() == 0)
    if limit > 1 { #expect(series.steps.last == 499) }
  }

  @Test("A folder is read with whatever it holds, and the page written beside")
  func folder() throws {
    try withTemporaryFolder { folder in
      let metrics = try MetricsFile(creating: folder.appending(path: "metrics.jsonl"))
      metrics.append(MetricsRecord(step: 1, ["loss": 0.69]))
      let report = HTMLReport([try ReportRun(folder: folder)])
      let file = folder.appending(path: "report.html")
      try report.write(to: file)
      let html = try String(contentsOf: file, encoding: .utf8)
      #expect(html.contains("<h1>DPO run \(folder.lastPathComponent)</h1>"))
    }
    #expect(throws: MetricsFileError.self) { try ReportRun(folder: URL(filePath: "/nonexistent-folder")) }
    #expect(throws: ReportError.self) { try HTMLReport([]).write(to: URL(filePath: "/nonexistent-folder/report.html")) }
  }
}
