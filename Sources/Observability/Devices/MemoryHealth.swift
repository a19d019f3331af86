/// What a device's memory has been through. What it cannot tell is nil.
public struct MemoryHealth: Hashable, Sendable {
  /// Errors since the driver was loaded that could not be corrected.
  public var uncorrectedErrors: Int?
  /// Rows that were replaced because of errors (devices from Ampere on).
  public var remappedRows: Int?
  /// Pages taken out of use because of errors (devices before Ampere).
  public var retiredPages: Int?
  /// Whether a replacement waits for the device's next reset.
  public var isPending: Bool?
  /// Whether a replacement failed: there are no spare rows left, and the device is to be exchanged.
  public var hasFailed: Bool?

  /// Nothing known.
  public init() {}
}

extension NVMLDevice {
  /// Asks for errors of the device's memory.
  public var memoryHealth: MemoryHealth {
    typealias Rows =
      @convention(c) (
        NVML.Handle, UnsafeMutablePointer<CUnsignedInt>, UnsafeMutablePointer<CUnsignedInt>,
        UnsafeMutablePointer<CUnsignedInt>, UnsafeMutablePointer<CUnsignedInt>
      ) -> CInt
    var health = MemoryHealth()
    health.uncorrectedErrors = uncorrectedErrors
    var (corrected, uncorrected, pending, failed): (CUnsignedInt, CUnsignedInt, CUnsignedInt, CUnsignedInt) = (
      0, 0, 0, 0
    )
    if let ask = library.function("nvmlDeviceGetRemappedRows", as: Rows.self),
      ask(handle, &corrected, &uncorrected, &pending, &failed) == 0
    {
      health.remappedRows = Int(corrected) + Int(uncorrected)
      (health.isPending, health.hasFailed) = (pending != 0, failed != 0)
      return health
    }
    health.retiredPages = retiredPages
    health.isPending = number("nvmlDeviceGetRetiredPagesPendingStatus", CUnsignedInt(0)).map { $0 != 0 }
    return health
  }

  var uncorrectedErrors: Int? {
    typealias Ask = @convention(c) (NVML.Handle, CUnsignedInt, CUnsignedInt, UnsafeMutablePointer<UInt64>) -> CInt
    var count: UInt64 = 0
    // NVML_MEMORY_ERROR_TYPE_UNCORRECTED, NVML_VOLATILE_ECC: since the driver was loaded.
    guard let ask = library.function("nvmlDeviceGetTotalEccErrors", as: Ask.self), ask(handle, 1, 0, &count) == 0 else {
      return nil
    }
    return Int(clamping: count)
  }

  private var retiredPages: Int? {
    typealias Ask =
      @convention(c) (
        NVML.Handle, CUnsignedInt, UnsafeMutablePointer<CUnsignedInt>, UnsafeMutableRawPointer?
      ) -> CInt
    guard let ask = library.function("nvmlDeviceGetRetiredPages", as: Ask.self) else { return nil }
    // Of both causes. Without room for the addresses only their number is told, with NVML_ERROR_INSUFFICIENT_SIZE where
    // it is not 0.
    var sum = 0
    for cause in [0, 1] as [CUnsignedInt] {
      var count: CUnsignedInt = 0
      let status = ask(handle, cause, &count, nil)
      guard status == 0 || status == 7 else { return nil }
      sum += Int(count)
    }
    return sum
  }
}
