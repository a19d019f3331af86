import Foundation

/// A device as NVML sees it: what it is. How it does is told by ``sample()``.
public struct NVMLDevice: @unchecked Sendable {  // A handle is a name, valid as long as the library is open.
  let library: NVML
  let handle: NVML.Handle
  /// Its number in `nvidia-smi`, which need not be CUDA's.
  public let index: Int

  /// What it is called, such as `NVIDIA H100 80GB HBM3`.
  public var name: String? { text("nvmlDeviceGetName") }
  /// Its identifier, such as `GPU-8932f937-d72c-4106-c12f-20bd9faed9f6`.
  public var uuid: String? { text("nvmlDeviceGetUUID") }

  /// Its place on the PCI bus, such as `00000000:3B:00.0`.
  public var busID: String? {
    // nvmlPciInfo_t: 68 bytes, `char busId[32]` behind `busIdLegacy[16]` and five numbers.
    structure("nvmlDeviceGetPciInfo_v3", byteCount: 68) { bytes in
      String(decoding: bytes[36..<68].prefix { $0 != 0 }, as: UTF8.self)
    }
  }

  /// Which generation of instructions it knows: (9, 0) for an H100.
  public var computeCapability: (major: Int, minor: Int)? {
    typealias Ask = @convention(c) (NVML.Handle, UnsafeMutablePointer<CInt>, UnsafeMutablePointer<CInt>) -> CInt
    var (major, minor): (CInt, CInt) = (0, 0)
    guard let ask = library.function("nvmlDeviceGetCudaComputeCapability", as: Ask.self),
      ask(handle, &major, &minor) == 0
    else { return nil }
    return (Int(major), Int(minor))
  }

  /// Whether it is divided into parts (MIG); nil where it cannot be.
  public var isDivided: Bool? {
    typealias Ask =
      @convention(c) (
        NVML.Handle, UnsafeMutablePointer<CUnsignedInt>, UnsafeMutablePointer<CUnsignedInt>
      ) -> CInt
    var (current, pending): (CUnsignedInt, CUnsignedInt) = (0, 0)
    guard let ask = library.function("nvmlDeviceGetMigMode", as: Ask.self), ask(handle, &current, &pending) == 0 else {
      return nil
    }
    return current == 1
  }

  /// Who may compute on it.
  public enum ComputeMode: Int, Sendable {
    /// Any number of processes.
    case shared = 0
    /// Nobody.
    case prohibited = 2
    /// One process at a time.
    case exclusive = 3
  }

  /// Who may compute on it.
  public var computeMode: ComputeMode? {
    number("nvmlDeviceGetComputeMode", CUnsignedInt(0)).flatMap { ComputeMode(rawValue: Int($0)) }
  }

  /// Whether and why not two devices reach each other's memory without the host's.
  public enum PeerAccess: Int, Sendable {
    // nvmlGpuP2PStatus_t
    /// They do.
    case possible = 0
    /// The machine's chipset does not allow it.
    case notByChipset
    /// The devices cannot.
    case notByDevice
    /// The way between them does not allow it.
    case notByTopology
    /// The driver was told not to.
    case disabled
    /// Not supported, for no reason given.
    case notSupported
    /// Not known.
    case unknown
  }

  /// Whether this device may read another's memory.
  public func peerAccess(to other: NVMLDevice) -> PeerAccess? { peerStatus(other, capability: 0) }

  /// Whether NVLink connects this device and another.
  public func hasNVLink(to other: NVMLDevice) -> Bool { peerStatus(other, capability: 2) == .possible }

  private func peerStatus(_ other: NVMLDevice, capability: CUnsignedInt) -> PeerAccess? {
    typealias Ask =
      @convention(c) (
        NVML.Handle, NVML.Handle, CUnsignedInt, UnsafeMutablePointer<CUnsignedInt>
      ) -> CInt
    var status: CUnsignedInt = 0
    guard let ask = library.function("nvmlDeviceGetP2PStatus", as: Ask.self),
      ask(handle, other.handle, capability, &status) == 0
    else { return nil }
    return PeerAccess(rawValue: Int(status)) ?? .unknown
  }
}

// MARK: - Asking

extension NVMLDevice {
  /// A value of any plain type; nil where the function is missing or has no answer.
  func number<Value: BitwiseCopyable>(_ function: String, _ start: Value) -> Value? {
    var value = start
    guard let ask = library.function(function, as: NVML.DeviceQuery.self), ask(handle, &value) == 0 else { return nil }
    return value
  }

  /// The same of a function that is told, by a number, which of several values is wanted.
  func number<Value: BitwiseCopyable>(_ function: String, of selector: CUnsignedInt, _ start: Value) -> Value? {
    var value = start
    guard let ask = library.function(function, as: NVML.NumberedDeviceQuery.self), ask(handle, selector, &value) == 0
    else { return nil }
    return value
  }

  /// What `read` finds in a structure that the function fills.
  ///
  /// - Parameter version: what the structure must begin with, where it says its version
  func structure<Result>(
    _ function: String, byteCount: Int, version: CUnsignedInt? = nil, read: (UnsafeRawBufferPointer) -> Result
  ) -> Result? {
    guard let ask = library.function(function, as: NVML.DeviceQuery.self) else { return nil }
    return withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 8) { bytes in
      bytes.initializeMemory(as: UInt8.self, repeating: 0)
      if let version { bytes.storeBytes(of: version, as: CUnsignedInt.self) }
      return ask(handle, bytes.baseAddress) == 0 ? read(UnsafeRawBufferPointer(bytes)) : nil
    }
  }

  private func text(_ function: String) -> String? {
    typealias Ask = @convention(c) (NVML.Handle, UnsafeMutableRawPointer?, CUnsignedInt) -> CInt
    guard let ask = library.function(function, as: Ask.self) else { return nil }
    return library.text { ask(handle, $0, $1) }
  }
}
