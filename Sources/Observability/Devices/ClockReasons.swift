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

  private static let names: [(reason: ClockReasons, name: String)] = [
    (.idle, "idle"), (.setByUser, "clock set by a user"), (.powerCap, "power limit"),
    (.hardwareSlowdown, "hardware slowdown"), (.syncBoost, "clock of other devices"), (.heat, "heat"),
    (.hardwareHeat, "heat, by the hardware"), (.powerBrake, "power supply"), (.display, "clock of a display"),
    (.boardLimit, "board limit"), (.reliability, "voltage limit"),
  ]

  /// The reasons in words, in the order of their bits; bits that are newer than this program in hexadecimal.
  public var words: [String] {
    var known: ClockReasons = []
    var words: [String] = []
    for (reason, name) in Self.names {
      known.insert(reason)
      if contains(reason) { words.append(name) }
    }
    let rest = rawValue & ~known.rawValue
    return rest == 0 ? words : words + ["reason 0x" + String(rest, radix: 16)]
  }
}
