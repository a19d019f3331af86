/// Why a device's clock is not at its highest (`nvmlClocksEventReasons`, called throttle reasons before).
public struct ClockReasons: OptionSet, Hashable, Sendable {
  /// The bits as NVML has them.
  public let rawValue: UInt64

  /// Takes the bits as NVML has them.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// Nothing runs.
  public static let idle = ClockReasons(rawValue: 0x1)
  /// Somebody set the clock (`nvidia-smi --applications-clocks`, `--lock-gpu-clocks`).
  public static let setByUser = ClockReasons(rawValue: 0x2)
  /// The power limit is reached. Usual under full load, and no fault.
  public static let powerCap = ClockReasons(rawValue: 0x4)
  /// The hardware halved the clock, or worse: heat, power supply, or a signal from outside.
  public static let hardwareSlowdown = ClockReasons(rawValue: 0x8)
  /// The clock follows that of other devices.
  public static let syncBoost = ClockReasons(rawValue: 0x10)
  /// The driver lowered the clock because of heat.
  public static let heat = ClockReasons(rawValue: 0x20)
  /// The hardware lowered the clock because of heat.
  public static let hardwareHeat = ClockReasons(rawValue: 0x40)
  /// The power supply asked for less.
  public static let powerBrake = ClockReasons(rawValue: 0x80)
  /// A display sets the clock.
  public static let display = ClockReasons(rawValue: 0x100)
  /// The board's limit is reached.
  public static let boardLimit = ClockReasons(rawValue: 0x200)
  /// The voltage that the device is to last with is reached.
  public static let reliability = ClockReasons(rawValue: 0x400)

  /// Those that take speed away from a run and can be remedied: heat, and what the hardware does in need.
  public static let throttling: ClockReasons = [.hardwareSlowdown, .heat, .hardwareHeat, .powerBrake]

  private static let names: [(reason: ClockReasons, name: Phrase)] = [
    (.idle, Phrase(en: "idle", zh: "空闲")), (.setByUser, Phrase(en: "clock set by a user", zh: "频率由用户设定")),
    (.powerCap, Phrase(en: "power limit", zh: "功率上限")),
    (.hardwareSlowdown, Phrase(en: "hardware slowdown", zh: "硬件降频")),
    (.syncBoost, Phrase(en: "clock of other devices", zh: "跟随其他设备的频率")), (.heat, Phrase(en: "heat", zh: "过热")),
    (.hardwareHeat, Phrase(en: "heat, by the hardware", zh: "过热（硬件触发）")),
    (.powerBrake, Phrase(en: "power supply", zh: "供电不足")), (.display, Phrase(en: "clock of a display", zh: "显示器决定的频率")),
    (.boardLimit, Phrase(en: "board limit", zh: "板卡上限")), (.reliability, Phrase(en: "voltage limit", zh: "电压上限")),
  ]

  /// The reasons in words, in the order of their bits; bits that are newer than this program in hexadecimal.
  public var phrases: [Phrase] {
    var known: ClockReasons = []
    var words: [Phrase] = []
    for (reason, name) in Self.names {
      known.insert(reason)
      if contains(reason) { words.append(name) }
    }
    let rest = String(rawValue & ~known.rawValue, radix: 16)
    return rest == "0" ? words : words + [Phrase(en: "reason 0x\(rest)", zh: "原因 0x\(rest)")]
  }

  /// The reasons in English words.
  public var words: [String] { phrases.map(\.en) }
}
