/// Where the time of a run went, added up over the records of `metrics.jsonl`.
public struct RunTimes: Hashable, Sendable {
  /// Seconds of the whole run, or of what is recorded of it.
  public var total = 0.0
  /// Steps that are recorded.
  public var steps = 0
  /// Seconds of these.
  public var inSteps = 0.0
  /// Seconds of them in which the rank that waited longest waited for its batches.
  public var dataWait = 0.0
  /// Seconds of them in which gradients travelled and nothing was computed, without waiting for slower ranks.
  public var communication = 0.0
  /// Seconds of them in which all ranks waited for the slowest.
  public var straggler = 0.0
  /// The rank that was slowest in most intervals; nil for a process alone.
  public var slowestRank: Int?
  /// Seconds in which training stood still for checkpoints.
  public var checkpoints = 0.0
  /// How many there were; nil where that is not known.
  public var checkpointCount: Int?
  /// Seconds of evaluations.
  public var evaluations = 0.0
  /// Seconds in which the reference was computed ahead of the first step.
  public var reference = 0.0
  /// Part of the time of the first process's cores, 0…1, that others took.
  public var coresTaken = 0.0
  /// Part of the time, 0…1, in which its threads wanted a core and had none, be it that another thread of it had the core.
  public var coresWaited = 0.0
  /// MFU, 0…1; nil where it was not measured.
  public var utilization: Double?
  /// Input tokens of a step.
  public var tokensPerStep = 0.0

  /// Nothing is known.
  public init() {}

  /// Adds up the records of a run; the totals of its end are taken where they are there.
  public init(_ log: MetricsLog) {
    var (slowest, before, tokens) = ([Int: Double](), 0, 0.0)
    var weighted = (taken: 0.0, waited: 0.0, used: 0.0, measured: 0.0)
    for record in log.records {
      checkpoints += record[MetricName.checkpointTime] ?? 0
      guard let perStep = record[MetricName.stepTime], record.step > before else { continue }
      let count = Double(record.step - before)
      let seconds = perStep * count
      steps += record.step - before
      before = record.step
      inSteps += seconds
      tokens = record[MetricName.tokens] ?? tokens
      dataWait += (record[MetricName.dataWaitTime] ?? 0) * count
      let exposed = (record[MetricName.communicationTime] ?? 0) * count
      let ratio = max(1, record[MetricName.stragglerRatio] ?? 1)
      // Who waits longest for gradients waits for the slowest rank, too.
      let waited = min(exposed, (seconds - exposed) * (1 - 1 / ratio))
      straggler += waited
      communication += exposed - waited
      if let rank = record[MetricName.stragglerRank] { slowest[Int(rank), default: 0] += waited }
      weighted.taken += (record[MetricName.coresTaken] ?? 0) * seconds
      weighted.waited += (record[MetricName.coresWaited] ?? 0) * seconds
      if let part = record[MetricName.utilization] {
        weighted.used += part * seconds
        weighted.measured += seconds
      }
    }
    slowestRank = slowest.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
    if inSteps > 0 { (coresTaken, coresWaited) = (weighted.taken / inSteps, weighted.waited / inSteps) }
    utilization = weighted.measured > 0 ? weighted.used / weighted.measured : nil
    tokensPerStep = steps > 0 ? tokens / Double(before) : 0
    if let totals = log.totals {
      total = totals.seconds
      evaluations = totals.evaluationSeconds
      reference = totals.referenceSeconds
      if totals.checkpoints > 0 { (checkpoints, checkpointCount) = (totals.checkpointSeconds, totals.checkpoints) }
    }
    total = max(total, inSteps + checkpoints + evaluations)
  }
}
