import Foundation

/// NVIDIA's management library (NVML), which comes with the driver: which devices this machine has, and how they do.
///
/// It is opened when it is asked for, so the program is the same on machines without a GPU. A function that a driver does
/// not have and a value that a device does not have are nil, never an error. Names, layouts and numbers are those of
/// `nvml.h` (NVML API Reference, docs.nvidia.com/deploy/nvml-api), unchanged since the oldest driver that CUDA 12 takes.
public final class NVML: @unchecked Sendable {  // The library may be called from any number of threads at once.
  /// What the library calls a device.
  typealias Handle = UnsafeMutableRawPointer
  /// `nvmlReturn_t f(T *)`, whatever T is; also `f(device, T *)` and `f(device, number, T *)` below.
  typealias Query = @convention(c) (UnsafeMutableRawPointer?) -> CInt
  typealias DeviceQuery = @convention(c) (Handle, UnsafeMutableRawPointer?) -> CInt
  typealias NumberedDeviceQuery = @convention(c) (Handle, CUnsignedInt, UnsafeMutableRawPointer?) -> CInt

  private let library: UnsafeMutableRawPointer

  /// Opens the library.
  ///
  /// - Parameter path: where it is; a name without slashes is looked for as the loader does
  /// - Throws: ``NVMLError`` where there is none, or it finds no driver.
  public init(library path: String = "libnvidia-ml.so.1") throws(NVMLError) {
    guard let library = dlopen(path, RTLD_LAZY | RTLD_LOCAL) else {
      throw .noLibrary(reason: dlerror().map { String(cString: $0) } ?? "not found")
    }
    typealias Start = @convention(c) () -> CInt
    guard let start = dlsym(library, "nvmlInit_v2").map({ unsafeBitCast($0, to: Start.self) }) else {
      dlclose(library)
      throw .noLibrary(reason: "\(path) has no nvmlInit_v2")
    }
    let status = start()
    guard status == 0 else {
      dlclose(library)
      throw NVMLError(status: status)
    }
    self.library = library
  }

  deinit {
    typealias Stop = @convention(c) () -> CInt
    _ = function("nvmlShutdown", as: Stop.self)?()
    dlclose(library)
  }

  /// The driver's version, such as `580.65.06`.
  public var driverVersion: String? {
    typealias TextQuery = @convention(c) (UnsafeMutableRawPointer?, CUnsignedInt) -> CInt
    guard let ask = function("nvmlSystemGetDriverVersion", as: TextQuery.self) else { return nil }
    return text { ask($0, $1) }
  }

  /// The newest CUDA that the driver knows, times a thousand: 13000 for 13.0, 12080 for 12.8.
  public var cudaVersion: Int? {
    var version: CInt = 0
    let ask =
      function("nvmlSystemGetCudaDriverVersion_v2", as: Query.self)
      ?? function("nvmlSystemGetCudaDriverVersion", as: Query.self)
    return ask?(&version) == 0 && version > 0 ? Int(version) : nil
  }

  /// All devices that this process may look at, in the order and with the numbers of `nvidia-smi`. `CUDA_VISIBLE_DEVICES`
  /// does not change them; see ``device(cudaOrdinal:environment:)``.
  public var devices: [NVMLDevice] {
    typealias ByIndex = @convention(c) (CUnsignedInt, UnsafeMutableRawPointer?) -> CInt
    var count: CUnsignedInt = 0
    guard let ask = function("nvmlDeviceGetCount_v2", as: Query.self), ask(&count) == 0,
      let get = function("nvmlDeviceGetHandleByIndex_v2", as: ByIndex.self)
    else { return [] }
    return (0..<count).compactMap { index in
      var handle: Handle?
      // One that fell off the bus has no handle; the others have.
      guard get(index, &handle) == 0, let handle else { return nil }
      return NVMLDevice(library: self, handle: handle, index: Int(index))
    }
  }

  /// The device at a place of the PCI bus, as CUDA spells it (`0000:3b:00.0`) or as this library does.
  public func device(busID: String) -> NVMLDevice? {
    guard let place = PCIAddress(busID) else { return nil }
    return devices.first { $0.busID.flatMap(PCIAddress.init) == place }
  }

  /// The device that CUDA calls by a number; nil where the environment does not tell for sure which one that is.
  ///
  /// - Parameters:
  ///   - ordinal: the number among those that this process sees, from 0
  ///   - environment: for `CUDA_VISIBLE_DEVICES` and `CUDA_DEVICE_ORDER`
  public func device(cudaOrdinal ordinal: Int, environment: [String: String]) -> NVMLDevice? {
    let devices = devices.sorted { ($0.busID ?? "") < ($1.busID ?? "") }
    let visible = VisibleDevices(environment, uuids: devices.map { $0.uuid ?? "" })
    guard visible.indices.indices.contains(ordinal) else { return nil }
    // Without being told otherwise, CUDA begins with the fastest device. Among equal ones that changes nothing.
    let inBusOrder = environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID" || visible.isByIdentifier
    guard inBusOrder || Set(devices.map(\.name)).count == 1 else { return nil }
    return devices[visible.indices[ordinal]]
  }

  // MARK: - Calling

  /// A function by its name; nil where this driver's library does not have it.
  func function<Signature>(_ name: String, as signature: Signature.Type) -> Signature? {
    dlsym(library, name).map { unsafeBitCast($0, to: signature) }
  }

  /// What a function writes into a buffer of the size that it is told.
  func text(_ ask: (UnsafeMutableRawPointer?, CUnsignedInt) -> CInt) -> String? {
    // The largest that nvml.h names for any text is 96.
    var characters = [CChar](repeating: 0, count: 256)
    guard ask(&characters, CUnsignedInt(characters.count)) == 0 else { return nil }
    let text = String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return text.isEmpty ? nil : text
  }
}

/// Why nothing can be learned of NVIDIA devices.
public enum NVMLError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The library is not on this machine, or not in this container.
  case noLibrary(reason: String)
  /// The library is there, the kernel's part of the driver is not loaded.
  case driverNotLoaded
  /// The library and the kernel's part of the driver are of different versions.
  case versionMismatch
  /// This process may not use the devices.
  case noPermission
  /// Something else, by its number in `nvmlReturn_t`.
  case other(status: Int)

  init(status: CInt) {
    switch status {
    case 4: self = .noPermission
    case 9: self = .driverNotLoaded
    case 18: self = .versionMismatch
    default: self = .other(status: Int(status))
    }
  }

  /// What is wrong, in a sentence without its end.
  public var description: String {
    switch self {
    case .noLibrary(let reason): "NVIDIA's library NVML is not here (\(reason))"
    case .driverNotLoaded: "NVIDIA's driver is installed but not loaded"
    case .versionMismatch: "the loaded NVIDIA driver and its installed libraries are of different versions"
    case .noPermission: "this process may not use the NVIDIA devices"
    case .other(let status): "NVIDIA's library NVML does not start (status \(status))"
    }
  }
}
