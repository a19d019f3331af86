import Observability
import OrderedJSON
import Testing
import minimind_dpo

// Facts are made up; what is tested is what doctor makes of them.
@Suite("What doctor --run makes of a run's folder")
struct RunTracesTests {
  /// A run of 100 steps of which 40 are recorded, ten a record, two seconds each.
  private func facts(_ change: (inout RunTraces) -> Void = { _ in }) -> RunTraces {
    var facts = RunTraces()
    facts.path = "out"
    facts.environment = ["identity": ["steps": "100"], "memory_bytes": 16_000_000_000, "world_size": 1]
    let records = (1...4).map { number in
      var record = MetricsRecord(step: 10 * number)
      record[MetricName.stepTime] = 2
      record.set(MetricName.peakMemory, to: 1_000_000_000)
      return record
    }
    facts.log = MetricsLog(records: records)
    change(&facts)
    return facts
  }

  private func run(_ facts: RunTraces, _ verdict: Verdict, _ words: String...) throws {
    let finding = try #require(facts.findings.first { $0.check == "run" })
    #expect(finding.verdict == verdict, "\(finding.text.en)")
    let chinese = finding.text.zh + (finding.remedy?.zh ?? "")
    #expect(!chinese.hasEnglishSentence, "\(chinese)")
    let english = finding.text.en + " → " + (finding.remedy?.en ?? "")
    for word in words { #expect(english.contains(word), "\(word) ∉ \(english)") }
  }

  private let holder = RunTraces.Holder(
    Phrase(en: "process 7 on host a, since noon", zh: "主机 a 上的进程 7（始于正午）"), state: "S", activity: 0.9)

  @Test("A run that writes as often as usual goes on, also where its process cannot be seen")
  func goingOn() throws {
    try run(facts { ($0.holder, $0.silence) = (holder, 25) }, .ok, "goes on", "step 40 of 100")
    try run(
      facts { ($0.holder, $0.silence) = (RunTraces.Holder(Phrase(en: "process 7 on host b", zh: "主机 b 上的进程 7")), 50) },
      .ok, "goes on")
  }

  @Test("Silence beyond three intervals: computing, waiting for a disk, or doing nothing")
  func silent() throws {
    try run(facts { ($0.holder, $0.silence) = (holder, 70) }, .warning, "computes", "20 s are usual")
    var waiting = holder
    waiting.state = "D"
    try run(facts { ($0.holder, $0.silence) = (waiting, 70) }, .problem, "hangs", "disk")
    var idle = holder
    idle.activity = 0
    try run(facts { ($0.holder, $0.silence) = (idle, 70) }, .problem, "hangs", "does nothing", "kill")
    var stopped = holder
    stopped.state = "T"
    try run(facts { ($0.holder, $0.silence) = (stopped, 1) }, .problem, "hangs", "SIGSTOP", "kill -CONT")
  }

  @Test("A run that ended: by its end, early, by a signal, with an error, or without a word")
  func ended() throws {
    var totals = RunTotals(steps: 100, seconds: 200)
    try run(facts { ($0.log.totals, $0.hasResult) = (totals, true) }, .ok, "finished")
    try run(facts { ($0.log.totals, $0.hasResult) = (totals, false) }, .problem, "is not in out")
    totals.endedEarly = "patience"
    try run(facts { ($0.log.totals, $0.hasResult) = (totals, true) }, .ok, "ended early", "patience")
    totals.stoppedBy = "SIGTERM"
    try run(facts { $0.log.totals = totals }, .warning, "SIGTERM", "nothing was saved")
    try run(
      facts {
        $0.log.events = [RunEvent(.failure, step: 40, "the disk is full.", ["exit_code": 73])]
        $0.checkpoints = [.init(30, problem: "damaged"), .init(20)]
      }, .problem, "failed", "the disk is full", "from checkpoint-20")
    try run(facts(), .problem, "without a word", "dmesg")
    let sudden = try #require(facts().findings.first)
    #expect(!sudden.text.en.contains("Memory") && !sudden.text.zh.contains("内存"))
    let full = facts { $0.environment = ["memory_bytes": 1_200_000_000, "identity": ["steps": "100"]] }
    try run(full, .problem, "Memory may have run out")
  }

  @Test("Damaged records and checkpoints, steps left out, and drift are named")
  func others() throws {
    let facts = facts {
      $0.log.damagedLines = [7]
      $0.checkpoints = [.init(30, problem: "model.safetensors is truncated"), .init(20)]
      $0.log.events = [
        RunEvent(.skippedStep, step: 3, "pairs.jsonl:9"),
        RunEvent(.drift, step: 20, "nothing is learnt. Raise --learning-rate", ["kind": "nothing-learnt"]),
      ]
    }
    let found = facts.findings + facts.numbers
    #expect(found.map(\.check) == ["run", "records", "checkpoint", "skipped-steps", "nothing-learnt"])
    #expect(found[2].remedy?.en.contains("checkpoint-20 is whole") == true)
    #expect(found[3].text.en.contains("pairs.jsonl:9"))
    #expect(found[4].remedy?.en == "raise --learning-rate")
  }

  @Test("What a run records of its faults is told in Chinese as well")
  func inChinese() throws {
    let warning = DriftGuard.Warning.displacement(
      chosen: .init(before: -100, now: -130), rejected: .init(before: -120, now: -170))
    let facts = facts {
      $0.log.events = [
        RunEvent(
          .skippedStep, step: 3, "the log-probability or the loss of pairs.jsonl:9 is not a finite number",
          ["pairs": ["pairs.jsonl:9"], "pair_count": 1, "cause": "pairs"]),
        RunEvent(.drift, step: 20, warning.words.en, warning.values),
      ]
    }
    let found = facts.numbers
    #expect(found[0].text.zh == "因梯度不是有限的数，跳过了 1 步；最后一次是第 3 步：pairs.jsonl:9 的对数概率或损失不是有限的数")
    #expect(found[1].text.zh.contains("从 -100.0 降到 -130.0"))
    #expect(found[1].text.en.hasPrefix("since step 20: both answers become improbable"))
    #expect(found[1].remedy?.en.hasPrefix("add the chosen answers' own likelihood") == true)
    #expect(found[1].remedy?.zh.contains("--rpo-alpha 1") == true)
  }

  @Test("Losses of time are warnings with their cost")
  func time() throws {
    var slow = facts()
    slow.log.records = slow.log.records.map { record in
      var record = record
      record[MetricName.dataWaitTime] = 1
      return record
    }
    let loss = try #require(slow.time.first)
    #expect(loss.check == "data")
    #expect(loss.verdict == .warning)
    #expect(loss.text.en.contains("40 s (50.0 % of the run)"))
    #expect(loss.text.zh.contains("40 秒（占全程 50.0 %）"))
    #expect(facts().time.map(\.verdict) == [.ok])
  }
}
