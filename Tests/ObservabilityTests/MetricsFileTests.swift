import Foundation
import Observability
import OrderedJSON
import Testing

@Suite("metrics.jsonl")
struct MetricsFileTests {
  @Test("A record is a line with the step first, the keys in order and shortest numbers")
  func line() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "metrics.jsonl")
      let metrics = try MetricsFile(creating: file)
      var record = MetricsRecord(step: 10, [MetricName.epoch: 0.1, MetricName.loss: 0.6931471805599453])
      record[MetricName.rewardMargins] = 4e-8
      record.set(MetricName.tokens, to: 4096)
      record[MetricName.gradientNorm] = .nan
      record[MetricName.learningRate] = -.infinity
      metrics.append(record)
      #expect(
        try String(contentsOf: file, encoding: .utf8) == """
          {"step":10,"epoch":0.1,"loss":0.6931471805599453,"rewards/margins":4e-08,"tokens":4096,"grad_norm":null,\
          "learning_rate":null}

          """)
    }
  }

  @Test("The last line holds the totals, and reading gives back what was written")
  func roundTrip() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "metrics.jsonl")
      let records = (1...3).map {
        MetricsRecord(step: $0, ["loss": .number(1 / Double($0)), "pairs": .integer($0 * 8)])
      }
      let totals = RunTotals(
        steps: 3, epochs: 0.5, pairs: 24, tokens: 999, seconds: 1.25, pairsRead: 600, dropped: ["equal answers": 81],
        truncated: 2, stoppedBy: "SIGTERM")
      let metrics = try MetricsFile(creating: file)
      for record in records { metrics.append(record) }
      try metrics.finish(totals)
      let text = try String(contentsOf: file, encoding: .utf8)
      #expect(text.split(separator: "\n").last?.hasPrefix(#"{"event":"end","steps":3,"#) == true)
      #expect(try MetricsLog(contentsOf: file) == MetricsLog(records: records, totals: totals))
    }
  }

  @Test("A torn last line and damaged lines are passed over and counted")
  func torn() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "metrics.jsonl")
      try Data("{\"step\":1,\"loss\":0.5}\n\0\0\0\n{\"step\":2,\"loss\":0.4}\n{\"step\":3,\"lo".utf8).write(to: file)
      let log = try MetricsLog(contentsOf: file)
      #expect(log.records.map(\.step) == [1, 2])
      #expect(log.damagedLines == [2, 4])
      #expect(log.series("loss").map(\.value) == [0.5, 0.4])
    }
  }

  @Test("A resumed run drops later steps, the end line and a torn line, and goes on from there")
  func resume() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "metrics.jsonl")
      let metrics = try MetricsFile(creating: file)
      for step in 1...5 { metrics.append(MetricsRecord(step: step, ["loss": 0.5])) }
      metrics.append(MetricsRecord(step: 4, ["eval_loss": 0.6]))
      try metrics.finish(RunTotals(steps: 5))
      let handle = try FileHandle(forWritingTo: file)
      try handle.seekToEnd()
      try handle.write(contentsOf: Data("{\"step\":6,\"lo".utf8))
      try handle.close()

      let resumed = try MetricsFile(resuming: file, afterStep: 4)
      resumed.append(MetricsRecord(step: 5, ["loss": 0.25]))
      let log = try MetricsLog(contentsOf: file)
      #expect(log.records.map(\.step) == [1, 2, 3, 4, 4, 5])
      #expect(log.records.last?["loss"] == 0.25)
      #expect(log.totals == nil)
      #expect(log.damagedLines.isEmpty)
    }
  }

  @Test("Resuming where there is no file starts one")
  func resumeWithoutFile() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "metrics.jsonl")
      try MetricsFile(resuming: file, afterStep: 4).append(MetricsRecord(step: 5))
      #expect(try MetricsLog(contentsOf: file).records == [MetricsRecord(step: 5)])
    }
  }

  @Test("A file that cannot be read or written is named")
  func errors() {
    let missing = URL(filePath: "/nonexistent-folder/metrics.jsonl")
    #expect(throws: MetricsFileError.self) { try MetricsLog(contentsOf: missing) }
    #expect {
      try MetricsFile(creating: missing)
    } throws: { error in
      "\(error)".contains("/nonexistent-folder/metrics.jsonl") && "\(error)".contains("there is no folder")
    }
  }

  @Test(
    "On a full disk lines wait, and are written when there is room; at the end it is an error",
    .enabled(if: FileManager.default.fileExists(atPath: "/dev/full")))
  func fullDisk() throws {
    let metrics = try MetricsFile(creating: URL(filePath: "/dev/full"))
    metrics.append(MetricsRecord(step: 1))
    metrics.append(MetricsRecord(step: 2))
    #expect(metrics.waitingCount == 2)
    #expect(metrics.problem?.problem.contains("no space is left") == true)
    #expect {
      try metrics.finish(RunTotals(steps: 2))
    } throws: { error in
      "\(error)".contains("no space is left")
    }
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "metrics.jsonl")
      try metrics.move(to: file)
      let log = try MetricsLog(contentsOf: file)
      #expect(log.records.map(\.step) == [1, 2])
      #expect(log.totals?.steps == 2)
    }
  }
}
