import Observability
import OrderedJSON
import Torch
import Training

/// What a benchmark measured, over all processes.
struct BenchFigures {
  let model: String
  let processes: Int
  /// The most tokens of a micro-batch, where there is a limit.
  var microBatchTokens: Int?
  var steps = 0
  var pairs = 0.0
  var tokens = 0.0
  /// Floating-point operations that the tokens needed.
  var operations = 0.0
  /// Where the first process's time went.
  var times = StepTimes()
  /// From the first gradient sent to the last received.
  var exchange = 0.0
  /// Passes that a GPU replayed from a recording.
  var replayed = ReplayedPasses()
  /// Seconds that it worked, and that the steps took it.
  var device = (busy: 0.0, elapsed: 0.0)
  /// FLOP/s of matmuls, all processes at once.
  var peak = 0.0
  /// Most bytes in use, of each process.
  var peakMemory: [Double] = []

  init(model: String, processes: Int) {
    self.model = model
    self.processes = processes
  }

  mutating func add(_ report: StepReport) {
    steps += 1
    pairs += report.metrics.pairs
    tokens += report.metrics.tokens
    times += report.own.times
    exchange += report.own.exchange
    replayed += report.replayed
    if let times = report.onDevice { device = (device.busy + times.busy, device.elapsed + times.elapsed) }
  }

  private var seconds: Double { times.total }

  /// The peak: what was measured, or what the steps reached where that is more, so that MFU is never above 1.
  private var highest: Double { max(peak, operations / seconds) }

  /// The figures under their names.
  var values: JSON.Object {
    var values: JSON.Object = [
      "model": .string(model), "processes": .integer(processes), "threads": .integer(Runtime.threadCount),
      "steps": .integer(steps), "pairs_per_second": .number(pairs / seconds),
      "tokens_per_second": .number(tokens / seconds), "seconds_per_step": .number(seconds / Double(max(1, steps))),
      "gflops": .number(operations / seconds / 1e9), "peak_gflops": .number(highest / 1e9),
      "utilization": .number(operations / seconds / highest),
      "peak_memory_bytes": .integer(Int(peakMemory.max() ?? 0)),
    ]
    if let microBatchTokens { values["micro_batch_tokens"] = .integer(microBatchTokens) }
    for part in StepPart.allCases { values["share/\(part.rawValue)"] = .number(times[part] / seconds) }
    if processes > 1 { values["exchange_seconds"] = .number(exchange / Double(max(1, steps))) }
    if device.elapsed > 0 { values["idle_fraction"] = .number(max(0, 1 - device.busy / device.elapsed)) }
    if replayed.passes > 0 {
      values["replayed_passes_per_step"] = .number(Double(replayed.passes) / Double(max(1, steps)))
      values["replayed_kernels_per_step"] = .number(Double(replayed.kernels) / Double(max(1, steps)))
    }
    return values
  }

  var json: JSON { .object(values) }

  var table: String {
    values.map { name, value in
      let text: String =
        if name.hasPrefix("share/"), let share = value.double {
          HumanText.percent(share)
        } else {
          value.string ?? value.int.map { HumanText.grouped($0) } ?? value.double.map { HumanText.short($0) }
            ?? "unknown"
        }
      return name.padding(toLength: 26, withPad: " ", startingAt: 0) + text
    }.joined(separator: "\n")
  }
}
