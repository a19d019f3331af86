import Foundation

/// How a device does at one moment. What it cannot tell is nil.
public struct DeviceSample: Hashable, Sendable {
  /// The part of the last moments, 0…1, in which at least one kernel ran: `nvidia-smi`'s "GPU-Util". It does not tell how
  /// much of the device that kernel kept busy; a single thread that waits counts as 1.
  public var activity: Double?
  /// The part of the last moments, 0…1, in which the device's memory was read or written, however little of it.
  public var memoryActivity: Double?
  /// The part of the multiprocessors, 0…1, that were busy, over the time since the sample before. Devices from Hopper on.
  public var multiprocessorActivity: Double?
  /// The part of the time since the sample before, 0…1, in which tensor cores worked. Devices from Hopper on.
  public var tensorActivity: Double?
  /// Bytes of the device's memory in use, by all processes.
  public var memoryBytes: Int?
  /// Bytes of the device's memory.
  public var memoryTotalBytes: Int?
  /// Bytes of it that this process uses. Not known in most containers, which number processes differently.
  public var processMemoryBytes: Int?
  /// Watts that the board takes.
  public var powerWatts: Double?
  /// Watts that it may take.
  public var powerLimitWatts: Double?
  /// Degrees of the device itself.
  public var temperatureCelsius: Double?
  /// The clock of the multiprocessors, in MHz.
  public var clockMegahertz: Double?
  /// Why that clock is not higher.
  public var clockReasons: ClockReasons?
  /// Memory errors since the driver was loaded that could not be corrected.
  public var uncorrectedErrors: Int?

  /// Nothing known.
  public init() {}
}

extension NVMLDevice {
  /// Asks the device how it does. What needs two samples (``DeviceSample/multiprocessorActivity``) is left out; a
  /// ``DeviceMonitor`` adds it.
  public func sample() -> DeviceSample {
    var sample = DeviceSample()
    // nvmlUtilization_t: two numbers, in per cent.
    let shares = structure("nvmlDeviceGetUtilizationRates", byteCount: 8) { bytes in
      [0, 4].map { Double(bytes.load(fromByteOffset: $0, as: CUnsignedInt.self)) / 100 }
    }
    (sample.activity, sample.memoryActivity) = (shares?[0], shares?[1])
    if let memory { (sample.memoryBytes, sample.memoryTotalBytes) = memory }
    sample.processMemoryBytes = processMemoryBytes
    // Milliwatts.
    sample.powerWatts = number("nvmlDeviceGetPowerUsage", CUnsignedInt(0)).map { Double($0) / 1000 }
    sample.powerLimitWatts = number("nvmlDeviceGetEnforcedPowerLimit", CUnsignedInt(0)).map { Double($0) / 1000 }
    sample.temperatureCelsius = temperature
    // NVML_CLOCK_SM
    sample.clockMegahertz = number("nvmlDeviceGetClockInfo", of: 1, CUnsignedInt(0)).map { Double($0) }
    sample.clockReasons =
      (number("nvmlDeviceGetCurrentClocksEventReasons", UInt64(0))
      ?? number("nvmlDeviceGetCurrentClocksThrottleReasons", UInt64(0))).map(ClockReasons.init)
    sample.uncorrectedErrors = uncorrectedErrors
    return sample
  }

  /// Bytes in use by all processes, and bytes there are.
  private var memory: (used: Int, total: Int)? {
    // nvmlMemory_v2_t keeps what the driver reserves apart from what is used; the older structure adds it up.
    func amount(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int {
      Int(clamping: bytes.load(fromByteOffset: offset, as: UInt64.self))
    }
    return structure("nvmlDeviceGetMemoryInfo_v2", byteCount: 40, version: 40 | 2 << 24) {
      (amount($0, at: 32), amount($0, at: 8))
    } ?? structure("nvmlDeviceGetMemoryInfo", byteCount: 24) { (amount($0, at: 16), amount($0, at: 0)) }
  }

  /// What this process uses, by its entry among all that compute on the device.
  private var processMemoryBytes: Int? {
    typealias Ask = @convention(c) (NVML.Handle, UnsafeMutablePointer<CUnsignedInt>, UnsafeMutableRawPointer?) -> CInt
    guard let ask = library.function("nvmlDeviceGetComputeRunningProcesses_v3", as: Ask.self) else { return nil }
    // nvmlProcessInfo_t: 24 bytes, the process and behind 8 bytes its memory. Some drivers of 2023 wrote 40 bytes each:
    // there is room for that, and what was written then is nobody's entry.
    var count: CUnsignedInt = 128
    return withUnsafeTemporaryAllocation(byteCount: Int(count) * 40, alignment: 8) { bytes in
      guard ask(handle, &count, bytes.baseAddress) == 0 else { return nil }
      for entry in 0..<min(Int(count), 128)
      where bytes.load(fromByteOffset: entry * 24, as: UInt32.self) == UInt32(bitPattern: getpid()) {
        let used = bytes.load(fromByteOffset: entry * 24 + 8, as: UInt64.self)
        // NVML_VALUE_NOT_AVAILABLE
        return used == .max ? nil : Int(clamping: used)
      }
      return nil
    }
  }

  private var temperature: Double? {
    // NVML_TEMPERATURE_GPU. Deprecated since CUDA 13, and the only one that older drivers have.
    if let degrees = number("nvmlDeviceGetTemperature", of: 0, CUnsignedInt(0)) { return Double(degrees) }
    // nvmlTemperature_v1_t: version, sensor, degrees.
    return structure("nvmlDeviceGetTemperatureV", byteCount: 12, version: 12 | 1 << 24) { bytes in
      Double(bytes.load(fromByteOffset: 8, as: CInt.self))
    }
  }
}
