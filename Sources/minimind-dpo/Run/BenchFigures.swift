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

  /// The same in words.
  var table: String {
    let rows = values.compactMap { name, value in Self.row(name, value).map { (name: $0.name.text, value: $0.value) } }
    let width = 2 + (rows.map { TerminalText.columns($0.name) }.max() ?? 0)
    return rows.map { row in
      row.name + String(repeating: " ", count: width - TerminalText.columns(row.name)) + row.value
    }.joined(separator: "\n")
  }

  private static func row(_ name: String, _ value: JSON) -> (name: Phrase, value: String)? {
    let number = value.double ?? 0
    func row(_ en: String, _ zh: String, _ text: String) -> (Phrase, String) { (Phrase(en: en, zh: zh), text) }
    switch name {
    case "model": return row("model", "模型", value.string ?? "")
    case "processes": return row("processes", "进程数", HumanText.grouped(value.int ?? 0))
    case "threads": return row("threads of each", "每个进程的线程数", HumanText.grouped(value.int ?? 0))
    case "steps": return row("steps measured", "测量的步数", HumanText.grouped(value.int ?? 0))
    case "pairs_per_second": return row("pairs per second", "每秒偏好对数量", HumanText.short(number))
    case "tokens_per_second": return row("tokens per second", "每秒 token 数", HumanText.count(number))
    case "seconds_per_step": return row("time of a step", "每步用时", HumanText.short(number) + " s")
    case "gflops": return row("computed", "计算速度", HumanText.short(number) + " GFLOP/s")
    case "peak_gflops": return row("this machine's peak", "本机峰值", HumanText.short(number) + " GFLOP/s")
    case "utilization": return row("of the peak (MFU)", "占峰值的比例（MFU）", HumanText.percent(number))
    case "peak_memory_bytes": return row("most memory in use", "内存峰值", HumanText.bytes(value.int ?? 0))
    case "micro_batch_tokens":
      return row("tokens of a micro-batch, at most", "每个 micro-batch 的 token 上限", HumanText.grouped(value.int ?? 0))
    case "exchange_seconds": return row("time of an exchange of gradients", "每次交换梯度用时", HumanText.short(number) + " s")
    case "idle_fraction": return row("GPU idle", "GPU 空闲", HumanText.percent(number))
    case "replayed_passes_per_step":
      return row("passes replayed from CUDA graphs, a step", "每步由 CUDA 图重放的次数", HumanText.short(number))
    case "replayed_kernels_per_step": return row("kernels in them, a step", "每步重放的内核数", HumanText.short(number))
    default:
      guard let part = StepPart(rawValue: String(name.dropFirst("share/".count))) else { return nil }
      return (words(for: part), HumanText.percent(number))
    }
  }

  private static func words(for part: StepPart) -> Phrase {
    switch part {
    case .data: Phrase(en: "  waiting for data", zh: "  等待数据")
    case .reference: Phrase(en: "  reference model", zh: "  参考模型")
    case .forward: Phrase(en: "  forward pass and loss", zh: "  前向计算与损失")
    case .backward: Phrase(en: "  backward pass", zh: "  反向传播")
    case .communication: Phrase(en: "  waiting for other ranks", zh: "  等待其他 rank")
    case .update: Phrase(en: "  clipping and AdamW", zh: "  裁剪与 AdamW")
    }
  }
}
