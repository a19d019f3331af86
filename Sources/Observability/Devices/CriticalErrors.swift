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
