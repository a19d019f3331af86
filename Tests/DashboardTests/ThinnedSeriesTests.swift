import Foundation
import Observability
import OrderedJSON
import Testing

@Suite("Series that are thinned out while they grow")
struct ThinnedSeriesTests {
  private func points(_ count: Int, seed: Int) -> [(step: Double, value: Double)] {
    var step = 0.0
    return (0..<count).map { index in
      step += Double(1 + (index * 7 + seed) % 3)
      let isBroken = (index * 31 + seed) % 97 == 5
      return (step, isBroken ? .nan : sin(Double(index + seed)) * Double(1 + index % 50))
    }
  }

  @Test(
    "First, last, least and greatest value stay, and so do the mean and every point's place",
    arguments: [0, 1, 2, 3, 7, 8, 9, 10, 63, 64, 65, 500, 5000])
  func extremes(count: Int) throws {
    for (seed, capacity) in [(0, 8), (1, 9), (2, 64), (3, 4)] {
      let points = points(count, seed: seed)
      var series = ThinnedSeries(capacity: capacity)
      for point in points { series.append(step: point.step, value: point.value) }
      #expect(series.buckets.count <= capacity)
      #expect(series.buckets.reduce(0) { $0 + $1.count } == count)
      let finite = points.map(\.value).filter(\.isFinite)
      let lows = series.buckets.map(\.low).filter(\.isFinite)
      #expect(lows.min() == finite.min())
      #expect(series.buckets.map(\.high).filter(\.isFinite).max() == finite.max())
      guard count > 0 else { continue }
      let first = try #require(series.buckets.first)
      let last = try #require(series.buckets.last)
      #expect(first.step == points[0].step && first.count == 1)
      #expect(last.step == points[count - 1].step && last.count == 1)
      #expect(last.mean == points[count - 1].value || points[count - 1].value.isNaN)
      #expect(zip(series.buckets, series.buckets.dropFirst()).allSatisfy { $0.step < $1.step })
      // Nothing is thinned before it must be.
      if count <= capacity { #expect(series.buckets.map(\.step) == points.map(\.step)) }
    }
  }

  @Test("Columns that are called settled do not change until the width does, also in groups", arguments: [1, 2, 3, 7])
  func settled(group: Int) throws {
    var series = ThinnedSeries(capacity: 20)
    var page: [JSON] = []
    var known: (width: Int, settled: Int)?
    for point in points(700, seed: 4) {
      series.append(step: point.step, value: point.value)
      // What a page does with columns from some place on.
      let from = known.map { $0.width == series.width ? $0.settled : 0 } ?? 0
      let part = series.json(group: group, from: from)
      page = page.prefix(from) + (part["y"]?.array ?? [])
      known = (series.width, series.settledCount(group: group))
      #expect(page == series.json(group: group)["y"]?.array)
      #expect(page.count == series.columnCount(group: group))
    }
  }

  @Test("A log that is read line by line says the same as one that is read as a whole, and keeps its sums")
  func facts() throws {
    let lines = (1...3000).map { step -> String in
      var record = MetricsRecord(step: step)
      record["loss"] = step == 1500 ? nil : 0.7 - Double(step) * 1e-4
      if step == 1500 { record.set("loss", to: .null) }
      record["rewards/margins"] = Double(step) * 1e-3
      record["rewards/accuracies"] = 0.5 + Double(step % 10) * 0.01
      record["time/step"] = 0.25
      record["time/elapsed"] = Double(step) * 0.25
      record["tokens_per_second"] = 100
      record.set("time/ranks", to: ["forward": [0.1, 0.2], "communication": [0.05, 0.01]])
      if step % 100 == 0 { record["time/checkpoint"] = 1 }
      return record.json.serialized()
    }
    var followed = FollowedLog(recordLimit: 50)
    for line in lines { followed.add(line: Array(line.utf8)) }
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("log-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: folder.appendingPathComponent("metrics.jsonl"))
    let whole = try ReportRun(folder: folder)
    #expect(followed.log.records.count <= 100 && whole.log.records.count == 3000)
    var thin = ReportRun(name: whole.name, log: followed.log)
    thin.isRunning = whole.isRunning
    let (one, other) = (thin.members(name: "a", clockLimit: 10), whole.members(name: "a", clockLimit: 10))
    for member in ["state", "verdict", "remarks", "figures", "events", "supervised"] {
      #expect(one[member] == other[member], "\(member)")
    }
    // Sums of seconds, which are added in another order.
    let (parts, all) = (one["parts"]?["ranks"]?.array ?? [], other["parts"]?["ranks"]?.array ?? [])
    #expect(parts.count == 2 && all.count == 2)
    for (rank, wholeRank) in zip(parts, all) {
      for (value, wholeValue) in zip(rank.array ?? [], wholeRank.array ?? []) {
        #expect(abs((value.double ?? 0) - (wholeValue.double ?? 1)) < 1e-3)
      }
    }
    #expect(followed.series["loss"]?.brokenSteps == [1500])
  }

  @Test(
    "Numbers that nothing counts to, of the wrong kind or missing, harm nothing",
    arguments: ["1e300", "-1e300", "null", "\"x\"", "[]", "1e15"])
  func absurd(value: String) throws {
    let names = [
      "loss", "pairs", "eval_pairs", "memory/peak_bytes", "tokens_per_second", "time/step", "time/elapsed", "epoch",
      "rewards/margins", "rewards/accuracies", "eval_rewards/accuracies", "eval_rewards/accuracies_low", "eval_loss",
      "eval_rewards/margins", "gpu/0/activity", "gpu/0/memory_bytes", "guard_loss", "samples", "samples/length_ratio",
    ]
    let members = names.map { "\"\($0)\":\(value)" }.joined(separator: ",")
    let ranks = "\"time/ranks\":{\"forward\":[\(value),\(value)],\"communication\":\(value)}"
    var followed = FollowedLog(recordLimit: 8)
    for step in 0..<40 { followed.add(line: Array("{\"step\":\(step),\(members),\(ranks)}".utf8)) }
    followed.add(line: Array("{\"step\":\(value),\(members)}".utf8))
    let environment = try JSON(parsing: Data("{\"world_size\":2,\"identity\":{\"steps\":\"1000000000\"}}".utf8))
    var run = ReportRun(name: "a", log: followed.log, environment: environment)
    run.isRunning = true
    #expect(run.members(name: "a", clockLimit: 10)["name"] == "a")
    #expect(run.progress?["total"] == 1_000_000_000)
    let activity = RunActivity(ranks: [.init(rank: 0, phase: "computing", step: 3, seconds: 1)])
    #expect(RankStates(run, activity: activity, isSuspended: false).json.array?.count == 2)
  }
}
