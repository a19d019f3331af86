import Foundation
import Observability

/// GPUs: what the machine has, what the driver says, and what LibTorch sees of it.
package struct DeviceFacts: Sendable {
  /// A GPU as the driver knows it.
  package struct Device: Hashable, Sendable {
    package var index: Int
    package var name: String
    package var memoryBytes: Int?
    package var memoryUsedBytes: Int?
    /// 90 for 9.0.
    package var capability: Int?
    package var isDivided = false
    package var computeMode = NVMLDevice.ComputeMode.shared
    package var temperatureCelsius: Double?
    package var clockReasons: ClockReasons = []
    package var health = MemoryHealth()

    package init(index: Int, name: String, capability: Int? = nil, memoryBytes: Int? = nil) {
      (self.index, self.name, self.capability, self.memoryBytes) = (index, name, capability, memoryBytes)
    }
  }

  /// Two GPUs of which one cannot read the other's memory.
  package struct Gap: Hashable, Sendable {
    package var one: Int
    package var other: Int
    package var reason: NVMLDevice.PeerAccess

    package init(_ one: Int, _ other: Int, _ reason: NVMLDevice.PeerAccess) {
      (self.one, self.other, self.reason) = (one, other, reason)
    }
  }

  /// Why the driver's library tells nothing; nil where it does.
  package var libraryError: NVMLError?
  /// `580.65.06`
  package var driverVersion: String?
  /// The newest CUDA that the driver knows: 13000.
  package var driverCUDA: Int?
  package var devices: [Device] = []
  /// Pairs without access to each other's memory.
  package var gaps: [Gap] = []
  /// Whether every pair is connected by NVLink.
  package var isFullyLinked = false
  /// Places on the PCI bus that hold a GPU of NVIDIA's.
  package var busPlaces: [String] = []
  /// Whether the kernel has NVIDIA's driver loaded.
  package var isDriverLoaded = false
  package var isContainer = false
  /// `CUDA_VISIBLE_DEVICES`, where it is set.
  package var visibleText: String?
  /// What it shows.
  package var visible = VisibleDevices([:], uuids: [])
  package var libTorch = LibTorchFacts(builtAgainst: "")
  /// How many devices LibTorch sees.
  package var libTorchCount = 0
  /// The version of NCCL that is loaded: `2.27.3`.
  package var ncclVersion: String?

  package init() {}
}

extension DeviceFacts {
  static func gathered(_ environment: [String: String], libTorch: LibTorchFacts, libTorchCount: Int) -> DeviceFacts {
    var facts = DeviceFacts()
    facts.libTorch = libTorch
    facts.libTorchCount = libTorchCount
    facts.busPlaces = busPlaces()
    facts.isDriverLoaded = FileManager.default.fileExists(atPath: "/proc/driver/nvidia/version")
    facts.isContainer = Container.isHere
    facts.visibleText = environment["CUDA_VISIBLE_DEVICES"]
    facts.ncclVersion = ncclVersion()
    do {
      let library = try NVML()
      facts.driverVersion = library.driverVersion
      facts.driverCUDA = library.cudaVersion
      let devices = library.devices
      facts.devices = devices.map(Device.init)
      let inBusOrder = devices.sorted { ($0.busID ?? "") < ($1.busID ?? "") }
      facts.visible = VisibleDevices(environment, uuids: inBusOrder.map { $0.uuid ?? "" })
      let pairs = devices.indices.flatMap { one in
        devices.indices.filter { $0 > one }.map { (devices[one], devices[$0]) }
      }
      facts.gaps = pairs.compactMap { one, other in
        guard let access = one.peerAccess(to: other), access != .possible else { return nil }
        return Gap(one.index, other.index, access)
      }
      facts.isFullyLinked = !pairs.isEmpty && pairs.allSatisfy { $0.hasNVLink(to: $1) }
    } catch {
      facts.libraryError = error
    }
    return facts
  }

  /// Display and 3D controllers of NVIDIA's (vendor 0x10de, class 0x03…), which containers see as well.
  private static func busPlaces() -> [String] {
    let folder = "/sys/bus/pci/devices"
    func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
    return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted().filter { place in
      text("\(folder)/\(place)/vendor").hasPrefix("0x10de") && text("\(folder)/\(place)/class").hasPrefix("0x03")
    }
  }

  /// Of the NCCL that came with LibTorch's CUDA part, if it did.
  private static func ncclVersion() -> String? {
    typealias Ask = @convention(c) (UnsafeMutablePointer<CInt>) -> CInt
    var number: CInt = 0
    // Without a library's name: among those that are loaded already.
    guard let everything = dlopen(nil, RTLD_LAZY), let symbol = dlsym(everything, "ncclGetVersion"),
      unsafeBitCast(symbol, to: Ask.self)(&number) == 0
    else { return nil }
    return "\(number / 10_000).\(number / 100 % 100).\(number % 100)"
  }
}

extension DeviceFacts.Device {
  fileprivate init(_ device: NVMLDevice) {
    let sample = device.sample()
    let capability = device.computeCapability
    self.init(
      index: device.index, name: device.name ?? "a GPU", capability: capability.map { $0.major * 10 + $0.minor },
      memoryBytes: sample.memoryTotalBytes)
    memoryUsedBytes = sample.memoryBytes
    isDivided = device.isDivided ?? false
    computeMode = device.computeMode ?? .shared
    temperatureCelsius = sample.temperatureCelsius
    clockReasons = sample.clockReasons ?? []
    health = device.memoryHealth
  }
}
