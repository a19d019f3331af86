/// What the samples of a device over some time amount to. What the device cannot tell is nil.
public struct DeviceReading: Hashable, Sendable {
  /// How many samples there are.
  public private(set) var sampleCount = 0
  /// The last of them.
  public private(set) var latest = DeviceSample()
  /// Most bytes of the device's memory in use, by all processes.
  public private(set) var memoryBytes: Int?
  /// The highest temperature, in degrees.
  public private(set) var temperatureCelsius: Double?
  /// Reasons that lowered the clock in any of the samples.
  public private(set) var clockReasons: ClockReasons = []
  /// Numbers of the errors that the driver reported ("Xid"), in their order.
  public var criticalErrors: [Int] = []

  private var activities = Mean()
  private var memoryActivities = Mean()
  private var multiprocessorActivities = Mean()
  private var tensorActivities = Mean()
  private var powers = Mean()
  private var clocks = Mean()
  private var throttling = Mean()
  private var powerCaps = Mean()

  /// No samples.
  public init() {}

  /// Takes a sample in.
  public mutating func add(_ sample: DeviceSample) {
    sampleCount += 1
    latest = sample
    activities.add(sample.activity)
    memoryActivities.add(sample.memoryActivity)
    multiprocessorActivities.add(sample.multiprocessorActivity)
    tensorActivities.add(sample.tensorActivity)
    powers.add(sample.powerWatts)
    clocks.add(sample.clockMegahertz)
    throttling.add(sample.clockReasons.map { $0.isDisjoint(with: .throttling) ? 0 : 1 })
    powerCaps.add(sample.clockReasons.map { $0.contains(.powerCap) ? 1 : 0 })
    clockReasons.formUnion(sample.clockReasons ?? [])
    memoryBytes = [memoryBytes, sample.memoryBytes].compactMap(\.self).max()
    temperatureCelsius = [temperatureCelsius, sample.temperatureCelsius].compactMap(\.self).max()
  }

  /// Mean of ``DeviceSample/activity``.
  public var activity: Double? { activities.value }
  /// Mean of ``DeviceSample/memoryActivity``.
  public var memoryActivity: Double? { memoryActivities.value }
  /// Mean of ``DeviceSample/multiprocessorActivity``.
  public var multiprocessorActivity: Double? { multiprocessorActivities.value }
  /// Mean of ``DeviceSample/tensorActivity``.
  public var tensorActivity: Double? { tensorActivities.value }
  /// Mean power, in watts.
  public var powerWatts: Double? { powers.value }
  /// Mean clock of the multiprocessors, in MHz.
  public var clockMegahertz: Double? { clocks.value }
  /// The part of the samples, 0…1, in which heat or the hardware's own protection lowered the clock.
  public var throttled: Double? { throttling.value }
  /// The part of the samples, 0…1, in which the power limit lowered the clock, as it usually does under full load.
  public var powerCapped: Double? { powerCaps.value }

  /// The reading in a few words for a progress line: `GPU 97 % 652 W 71 °C`, with `slowed: heat` where it is. The share is
  /// that of busy multiprocessors where the device tells it (`SM 64 %`), else that of time in which anything ran.
  public var shortText: String {
    var parts: [String] = []
    if let share = latest.multiprocessorActivity {
      parts.append("SM \(HumanText.percent(share, digits: 0))")
    } else if let share = latest.activity {
      parts.append("GPU \(HumanText.percent(share, digits: 0))")
    } else {
      parts.append("GPU")
    }
    if let watts = latest.powerWatts { parts.append("\(HumanText.fixed(watts, 0)) W") }
    if let degrees = latest.temperatureCelsius { parts.append("\(HumanText.fixed(degrees, 0)) °C") }
    let slowed = (latest.clockReasons ?? []).intersection(.throttling)
    if !slowed.isEmpty { parts.append("slowed: \(slowed.words.joined(separator: ", "))") }
    return parts.joined(separator: " ")
  }
}

/// A mean of what is known.
private struct Mean: Hashable, Sendable {
  private var sum = 0.0
  private var count = 0

  mutating func add(_ value: Double?) {
    guard let value else { return }
    sum += value
    count += 1
  }

  var value: Double? { count == 0 ? nil : sum / Double(count) }
}

extension MetricsRecord {
  /// Adds what is known of a device, under the names that ``MetricName/device(_:_:)`` gives.
  ///
  /// - Parameters:
  ///   - reading: of the time since the record before
  ///   - rank: whose device it is
  public mutating func add(_ reading: DeviceReading, ofRank rank: Int) {
    func name(_ name: String) -> String { MetricName.device(rank, name) }
    self[name("activity")] = reading.activity
    self[name("memory_activity")] = reading.memoryActivity
    self[name("sm_activity")] = reading.multiprocessorActivity
    self[name("tensor_activity")] = reading.tensorActivity
    if let bytes = reading.memoryBytes { set(name("memory_bytes"), to: bytes) }
    if let bytes = reading.latest.processMemoryBytes { set(name("process_memory_bytes"), to: bytes) }
    self[name("power_watts")] = reading.powerWatts
    self[name("power_limit_watts")] = reading.latest.powerLimitWatts
    self[name("temperature_celsius")] = reading.temperatureCelsius
    self[name("sm_clock_mhz")] = reading.clockMegahertz
    self[name("throttled")] = reading.throttled
    self[name("power_capped")] = reading.powerCapped
    if let errors = reading.latest.uncorrectedErrors { set(name("uncorrected_errors"), to: errors) }
    if !reading.criticalErrors.isEmpty { set(name("critical_errors"), to: reading.criticalErrors.count) }
  }
}
