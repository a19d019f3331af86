/// Listens for the errors of a device that the driver reports to the system's log as "Xid": memory errors, kernels that
/// went astray, a device that fell off the bus. Not for several threads at once.
final class CriticalErrors {
  private typealias Create = @convention(c) (UnsafeMutableRawPointer?) -> CInt
  private typealias Register = @convention(c) (NVML.Handle, UInt64, UnsafeMutableRawPointer) -> CInt
  private typealias Wait = @convention(c) (UnsafeMutableRawPointer, UnsafeMutableRawPointer?, CUnsignedInt) -> CInt
  private typealias Free = @convention(c) (UnsafeMutableRawPointer) -> CInt

  private let library: NVML
  private let set: UnsafeMutableRawPointer
  private let wait: Wait

  /// Nil where the device or the driver does not tell.
  init?(of device: NVMLDevice) {
    library = device.library
    var set: UnsafeMutableRawPointer?
    guard let create = library.function("nvmlEventSetCreate", as: Create.self),
      let register = library.function("nvmlDeviceRegisterEvents", as: Register.self),
      let wait = library.function("nvmlEventSetWait_v2", as: Wait.self), create(&set) == 0, let set
    else { return nil }
    (self.set, self.wait) = (set, wait)
    // nvmlEventTypeXidCriticalError
    guard register(device.handle, 8, set) == 0 else { return nil }
  }

  deinit { _ = library.function("nvmlEventSetFree", as: Free.self)?(set) }

  /// The numbers of the errors since the call before.
  func latest() -> [Int] {
    withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { bytes in
      var numbers: [Int] = []
      // A device that is gone may answer for ever.
      while numbers.count < 16, wait(set, bytes.baseAddress, 0) == 0 {
        // nvmlEventData_t: device, kind of event, number of the error.
        numbers.append(Int(clamping: bytes.load(fromByteOffset: 16, as: UInt64.self)))
      }
      return numbers
    }
  }
}

/// Words for the numbers of errors that the driver reports, from NVIDIA's list ("Xid Errors", docs.nvidia.com/deploy/xid-errors).
public enum CriticalError {
  /// What a number means, as far as it is among those that a training run may meet.
  public static func words(_ number: Int) -> String? {
    switch number {
    case 13: "a kernel failed (out of bounds, as a rule)"
    case 31: "a kernel touched memory that is not its own"
    case 43: "the GPU stopped processing"
    case 45: "work was cleared away after an earlier error"
    case 48, 140: "a memory error that could not be corrected"
    case 62: "the GPU's controller halted"
    case 63: "memory was taken out of use because of errors"
    case 64: "memory could not be taken out of use; the GPU should be exchanged"
    case 74: "NVLink failed"
    case 79: "the GPU has fallen off the bus: heat, power supply or the slot"
    case 92: "many memory errors, corrected so far"
    case 94: "a memory error that hit one program"
    case 95: "a memory error that may have hit any program; the GPU must be reset"
    case 119, 120: "the GPU's system processor does not answer; the GPU must be reset"
    default: nil
    }
  }
}
