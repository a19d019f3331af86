import Foundation
import Observability
import OrderedJSON
import Testing

@Suite("Why a run was slow")
struct TimeLossesTests {
  /// A run of 100 steps of 2 s in ten records.
  private func log(
    _ values: [String: Double] = [:], totals change: (inout RunTotals) -> Void = { _ in }
  ) -> MetricsLog {
    let records = (1...10).map { number in
      var record = MetricsRecord(step: 10 * number)
      record[MetricName.stepTime] = 2
      record.set(MetricName.tokens, to: 20_000 * number)
      for (name, value) in values.sorted(by: { $0.key < $1.key }) { record[name] = value }
      return record
    }
    var totals = RunTotals(steps: 100, seconds: 210)
    totals.stepSeconds = 200
    change(&totals)
    return MetricsLog(records: records, totals: totals)
  }

  private func place(_ change: (inout RunMachine) -> Void = { _ in }) -> RunMachine {
    var place = RunMachine()
    (place.cores, place.threads) = (2, 2)
    change(&place)
    return place
  }

  private func losses(_ log: MetricsLog, _ place: RunMachine) -> [TimeLosses.Loss] {
    TimeLosses(RunTimes(log), at: place).losses
  }

  private func only(_ losses: [TimeLosses.Loss], _ kind: TimeLosses.Kind) throws -> TimeLosses.Loss {
    #expect(losses.map(\.kind) == [kind])
    return try #require(losses.first)
  }

  @Test("Nothing in the way of computing is said so")
  func nothing() {
    let found = TimeLosses(RunTimes(log()), at: place())
    #expect(found.losses.isEmpty)
    #expect(found.text()?.en.hasSuffix("and nothing in the way of computing.") == true)
    #expect(TimeLosses(RunTimes(MetricsLog(records: [])), at: place()).text() == nil)
  }

  @Test("Waiting for data: what it cost, and what to change")
  func data() throws {
    let loss = try only(losses(log([MetricName.dataWaitTime: 0.5]), place()), .data)
    #expect(abs(try #require(loss.seconds) - 50) < 1e-9)
    #expect(abs(try #require(loss.share) - 50.0 / 210) < 1e-9)
    #expect(loss.remedy.en.contains("--threads"))
  }

  @Test("Gradients on their way, without what is waiting for the slowest rank, which is a loss of its own")
  func ranks() throws {
    // Of 1 s exposed, computing of 1 s on the slowest rank, a quarter above the median.
    let found = losses(
      log([
        MetricName.communicationTime: 1, MetricName.stragglerRatio: 1.25, MetricName.stragglerRank: 1,
      ]),
      place {
        $0.processes = 2
        $0.hosts = ["one", "two"]
      })
    #expect(found.map(\.kind) == [.communication, .straggler])
    #expect(abs(try #require(found[0].seconds) - 80) < 1e-9)
    #expect(abs(try #require(found[1].seconds) - 20) < 1e-9)
    #expect(found[1].finding.en.contains("rank 1 on two"))
    #expect(found[0].remedy.en.contains("--gradient-accumulation-steps"))
  }

  @Test("Docker's network: a bridge to other hosts, and little shared memory between GPUs")
  func container() throws {
    let slow = log([MetricName.communicationTime: 1])
    let bridge = try only(
      losses(
        slow,
        place {
          ($0.processes, $0.hosts, $0.isContainer) = (2, ["one", "two"], true)
          ($0.interface, $0.isInterfaceVirtual) = ("eth0", true)
        }), .containerNetwork)
    #expect(bridge.finding.en.contains("eth0"))
    #expect(bridge.remedy.en.contains("--network host"))
    let memory = try only(
      losses(
        slow,
        place {
          ($0.processes, $0.hosts, $0.isContainer, $0.isOnGPU) = (2, ["one", "one"], true, true)
          $0.sharedMemoryBytes = 64 << 20
        }), .containerNetwork)
    #expect(memory.finding.en.contains("64.0 MiB"))
    #expect(memory.remedy.en.contains("--shm-size"))
  }

  @Test("Cores that others take, and more threads of the run's own than cores")
  func cores() throws {
    let taken = log([MetricName.coresTaken: 0.4, MetricName.coresWaited: 0.4])
    let others = try only(losses(taken, place()), .sharedCores)
    #expect(abs(try #require(others.seconds) - 80) < 1e-9)
    #expect(others.finding.en.contains("40.0 %"))
    let own = try only(losses(taken, place { ($0.processes, $0.processesPerHost) = (2, 2) }), .sharedCores)
    #expect(own.finding.en.contains("2 processes of 2 threads on 2 cores"))
    #expect(own.remedy.en.contains("--threads 1"))
    let threads = try only(losses(log([MetricName.coresWaited: 0.5]), place { $0.threads = 8 }), .tooManyThreads)
    #expect(threads.finding.en.contains("8 threads on 2 cores"))
    #expect(threads.remedy.en.contains("--threads 2"))
  }

  @Test("A type that the processor does not have; its cost is not known")
  func type() throws {
    let loss = try only(
      losses(log(), place { ($0.precision, $0.nativeTypes) = ("bfloat16", ["float32"]) }), .wrongType)
    #expect(loss.seconds == nil)
    #expect(loss.remedy.en.contains("--precision"))
    #expect(losses(log(), place { ($0.precision, $0.nativeTypes) = ("bfloat16", ["float32", "bfloat16"]) }).isEmpty)
    #expect(losses(log(), place { ($0.precision, $0.nativeTypes) = ("bfloat16", nil) }).isEmpty)
    let flags = "processor\t: 0\nflags\t\t: fpu avx512f avx512_bf16\n"
    #expect(ProcessorTypes.native(cpuinfo: flags) == ["float32", "bfloat16"])
    #expect(ProcessorTypes.native(cpuinfo: "flags : avx512_fp16 amx_bf16")?.count == 3)
    #expect(ProcessorTypes.native(cpuinfo: "CPU architecture: 8\n") == nil)
  }

  @Test("Small micro-batches that leave the processor without work")
  func batch() throws {
    let loss = try only(
      losses(
        log([MetricName.utilization: 0.3]),
        place { ($0.perDeviceBatch, $0.accumulation) = (1, 8) }), .smallBatch)
    // 2,000 tokens a step in eight parts.
    #expect(loss.finding.en.contains("1 pair, about 250 tokens"))
    #expect(loss.remedy.en.contains("--gradient-accumulation-steps"))
    #expect(abs(try #require(loss.seconds) - 100) < 1e-9)
    // Enough tokens: a low rate has other reasons.
    #expect(
      losses(log([MetricName.utilization: 0.3]), place { ($0.perDeviceBatch, $0.accumulation) = (8, 1) }).isEmpty)
  }

  @Test("Checkpoints, and a disk that is slow; evaluations; the reference")
  func beside() throws {
    let often = log { ($0.seconds, $0.checkpoints, $0.checkpointSeconds) = (260, 50, 50) }
    let checkpoints = try only(losses(often, place()), .checkpoints)
    #expect(checkpoints.remedy.en.contains("--save-steps"))
    let disk = log { ($0.seconds, $0.checkpoints, $0.checkpointSeconds) = (260, 2, 50) }
    let slow = try only(losses(disk, place()), .slowDisk)
    #expect(slow.finding.en.contains("25 s for each"))
    #expect(slow.remedy.en.contains("--output-dir"))
    let measured = log { ($0.seconds, $0.evaluationSeconds, $0.referenceSeconds) = (300, 60, 30) }
    #expect(losses(measured, place()).map(\.kind) == [.evaluations, .reference])
    // A run that was killed has no totals: its records tell of checkpoints.
    var killed = log([MetricName.checkpointTime: 3])
    killed.totals = nil
    #expect(losses(killed, place()).map(\.kind) == [.checkpoints])
  }

  @Test("The largest loss comes first, and a paragraph tells three of them with their cost")
  func order() throws {
    let log = log([MetricName.dataWaitTime: 0.5, MetricName.coresTaken: 0.1]) {
      ($0.seconds, $0.evaluationSeconds, $0.referenceSeconds) = (300, 60, 30)
    }
    let found = TimeLosses(RunTimes(log), at: place { ($0.precision, $0.nativeTypes) = ("float16", ["float32"]) })
    #expect(found.losses.map(\.kind) == [.evaluations, .data, .reference, .sharedCores, .wrongType])
    let text = try #require(found.text()).en
    #expect(text.contains("1. held-out pairs were evaluated: 1 min 00 s (20.0 %)"), "\(text)")
    #expect(text.contains("3. the reference"))
    #expect(!text.contains("4. "))
    #expect(found.json.array?.count == 5)
  }

  @Test("Every kind has a rule")
  func table() {
    #expect(Set(TimeLosses.Kind.allCases) == TimeLosses.ruled)
  }

  @Test("What a run writes of where it computes is read back; what an older one does not say stays unknown")
  func environment() throws {
    let json: JSON = [
      "device": "cpu", "precision": "bfloat16", "native_types": ["float32"], "cores": 4, "threads": 2, "world_size": 3,
      "processes": [["rank": 0, "host": "a"], ["rank": 1, "host": "a"], ["rank": 2, "host": "b"]],
      "per_device_batch": 2, "accumulation": 4, "container": true,
      "network": ["interface": "eth0", "virtual": true, "shared_memory_bytes": 67_108_864],
    ]
    let place = RunMachine(json)
    #expect(!place.isOnGPU && place.isContainer && place.isInterfaceVirtual)
    #expect((place.cores, place.threads, place.processes, place.processesPerHost) == (4, 2, 3, 2))
    #expect((place.perDeviceBatch, place.accumulation, place.interface) == (2, 4, "eth0"))
    #expect(place.nativeTypes == ["float32"] && place.sharedMemoryBytes == 67_108_864)
    let old = RunMachine(["device": "cuda:0", "world_size": 2] as JSON)
    #expect(old.isOnGPU && old.processesPerHost == 2 && old.nativeTypes == nil && old.perDeviceBatch == nil)
  }
}
