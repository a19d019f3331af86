import Foundation
import Observability
import ProgramSupport
import Testing

// What is expected is what Tests/FakeNVML/nvml.c answers.
@Suite(
  "NVIDIA devices, by a library that stands in for the driver's", .enabled(if: FakeNVML.canBeMade, "no C compiler"))
struct DeviceTests {
  private func first(_ fake: FakeNVML) throws -> NVMLDevice {
    try #require(try NVML(library: fake.library).devices.first)
  }

  @Test("Where the library is missing, that is said, and nothing else happens")
  func missing() throws {
    let error = #expect(throws: NVMLError.self) { try NVML(library: "/nowhere/libnvidia-ml.so.1") }
    guard case .noLibrary(let reason) = error else { return #expect(Bool(false), "\(error as Any)") }
    #expect(reason.contains("/nowhere/libnvidia-ml.so.1"))
  }

  @Test(
    "A driver that does not start says why",
    arguments: [
      (9, NVMLError.driverNotLoaded), (18, .versionMismatch), (4, .noPermission), (999, .other(status: 999)),
    ])
  func start(status: Int, expected: NVMLError) throws {
    let fake = try FakeNVML("START=\(status)")
    #expect(throws: expected) { try NVML(library: fake.library) }
  }

  @Test("The driver and the devices tell what they are")
  func description() throws {
    let fake = try FakeNVML()
    let library = try NVML(library: fake.library)
    #expect(library.driverVersion == "580.65.06")
    #expect(library.cudaVersion == 13000)
    let devices = library.devices
    try #require(devices.count == 2)
    #expect(devices.map(\.index) == [0, 1])
    #expect(devices.map(\.name) == ["NVIDIA H100 80GB HBM3", "NVIDIA H100 80GB HBM3"])
    #expect(devices.map(\.busID) == ["00000000:3B:00.0", "00000000:5E:00.0"])
    #expect(devices[1].uuid == "GPU-1932f937-d72c-4106-c12f-20bd9faed9f6")
    #expect(devices[0].computeCapability.map { [$0.major, $0.minor] } == [9, 0])
    #expect(devices[0].isDivided == false)
    #expect(devices[0].computeMode == .shared)
    #expect(devices[0].peerAccess(to: devices[1]) == .possible)
    #expect(!devices[0].hasNVLink(to: devices[1]))
    // A device and itself are no pair.
    #expect(devices[0].peerAccess(to: devices[0]) == nil)
  }

  @Test("A sample has every value in its unit")
  func sample() throws {
    let sample = try first(FakeNVML()).sample()
    #expect(sample.activity == 0.97)
    #expect(sample.memoryActivity == 0.41)
    #expect(sample.memoryBytes == 12 << 30)
    #expect(sample.memoryTotalBytes == 80 << 30)
    #expect(sample.processMemoryBytes == 3 << 30)
    #expect(sample.powerWatts == 652.5)
    #expect(sample.powerLimitWatts == 700)
    #expect(sample.temperatureCelsius == 71)
    #expect(sample.clockMegahertz == 1755)
    #expect(sample.clockReasons == [.powerCap, .heat])
    #expect(sample.uncorrectedErrors == 3)
  }

  @Test("Older and newer drivers, which lack some functions, are asked by others")
  func otherFunctions() throws {
    let older = try first(FakeNVML("WITHOUT_MEMORY_V2", "WITHOUT_EVENT_REASONS", "WITHOUT_ROWS", "WITHOUT_GPM"))
    let sample = older.sample()
    // The older structure counts what the driver reserves as used.
    #expect(sample.memoryBytes == 13 << 30)
    #expect(sample.memoryTotalBytes == 80 << 30)
    #expect(sample.clockReasons == [.powerCap, .heat])
    let health = older.memoryHealth
    #expect(health.retiredPages == 2 && health.remappedRows == nil && health.isPending == true)
    let newer = try first(FakeNVML("WITHOUT_OLD_TEMPERATURE")).sample()
    #expect(newer.temperatureCelsius == 71)
  }

  @Test("The memory's health: errors that were not corrected, and rows that were replaced")
  func health() throws {
    let health = try first(FakeNVML("ROWS_FAILED=1")).memoryHealth
    #expect(health.uncorrectedErrors == 3 && health.remappedRows == 5 && health.retiredPages == nil)
    #expect(health.isPending == false && health.hasFailed == true)
  }

  @Test("What a device does not support is nil, and the rest is there")
  func notSupported() throws {
    let device = try first(FakeNVML("NOTHING_SUPPORTED", "WITHOUT_ROWS"))
    var expected = DeviceSample()
    expected.memoryBytes = 12 << 30
    expected.memoryTotalBytes = 80 << 30
    expected.temperatureCelsius = 71
    #expect(device.sample() == expected)
    #expect(device.memoryHealth == MemoryHealth())
    #expect(device.isDivided == nil && device.computeMode == nil)
    #expect(device.name == "NVIDIA H100 80GB HBM3")
  }

  @Test("A device is found by its place on the bus, however it is spelled")
  func byBus() throws {
    let fake = try FakeNVML("DEVICES=8")
    let library = try NVML(library: fake.library)
    #expect(library.device(busID: "0000:5e:00.0")?.index == 1)
    #expect(library.device(busID: "00000000:86:00.0")?.index == 2)
    #expect(library.device(busID: "5E:00.0")?.index == 1)
    #expect(library.device(busID: "0001:5e:00.0")?.index == 7)
    #expect(library.device(busID: "0000:5f:00.0") == nil)
    #expect(library.device(busID: "eth0") == nil)
  }

  @Test("CUDA's numbers go by CUDA_VISIBLE_DEVICES")
  func byOrdinal() throws {
    let fake = try FakeNVML("DEVICES=4")
    let library = try NVML(library: fake.library)
    func index(_ ordinal: Int, _ environment: [String: String] = [:]) -> Int? {
      library.device(cudaOrdinal: ordinal, environment: environment)?.index
    }
    #expect(index(1) == 1)
    #expect(index(0, ["CUDA_VISIBLE_DEVICES": "3,1"]) == 3)
    #expect(index(1, ["CUDA_VISIBLE_DEVICES": "3,1"]) == 1)
    #expect(index(2, ["CUDA_VISIBLE_DEVICES": "3,1"]) == nil)
    #expect(index(0, ["CUDA_VISIBLE_DEVICES": "GPU-2932"]) == 2)
    #expect(index(0, ["CUDA_VISIBLE_DEVICES": ""]) == nil)
  }

  @Test("Among different devices a number says nothing, unless CUDA counts along the bus")
  func fastestFirst() throws {
    let fake = try FakeNVML("SECOND_NAME=\"NVIDIA T4\"")
    let library = try NVML(library: fake.library)
    #expect(library.device(cudaOrdinal: 0, environment: [:]) == nil)
    #expect(library.device(cudaOrdinal: 1, environment: ["CUDA_DEVICE_ORDER": "PCI_BUS_ID"])?.name == "NVIDIA T4")
    #expect(library.device(cudaOrdinal: 0, environment: ["CUDA_VISIBLE_DEVICES": "GPU-1932"])?.name == "NVIDIA T4")
  }
}

@Suite("CUDA_VISIBLE_DEVICES, as the CUDA programming guide has it")
struct VisibleDevicesTests {
  private let uuids = ["GPU-8932f937", "GPU-8a32f937", "GPU-1132f937"]

  private func visible(_ text: String?) -> VisibleDevices {
    VisibleDevices(text.map { ["CUDA_VISIBLE_DEVICES": $0] } ?? [:], uuids: uuids)
  }

  @Test("Unset shows all, and set to nothing shows none")
  func none() {
    #expect(visible(nil).indices == [0, 1, 2])
    #expect(visible("").indices == [] && visible("").stray == nil)
  }

  @Test(
    "Numbers show devices in their order, up to the first that names none",
    arguments: [
      ("2,1", [2, 1], nil), ("0,2,-1,1", [0, 2], "-1"), ("1,7", [1], "7"), ("-1", [], "-1"), ("a", [], "a"),
    ]
      as [(String, [Int], String?)])
  func numbers(text: String, indices: [Int], stray: String?) {
    #expect(visible(text).indices == indices)
    #expect(visible(text).stray == stray)
  }

  @Test(
    "Identifiers may be cut short while they name one device; MIG parts are none of the list; twice the same is none")
  func identifiers() {
    #expect(visible("GPU-89").indices == [0])
    #expect(visible("GPU-11, GPU-8a").indices == [2, 1])
    #expect(visible("GPU-8").stray == "GPU-8")
    #expect(visible("MIG-GPU-89/1/0").stray == "MIG-GPU-89/1/0")
    #expect(visible("1,1").indices == [] && visible("1,1").stray == "1")
  }
}

@Suite("A device that is watched", .enabled(if: FakeNVML.canBeMade, "no C compiler"))
struct DeviceMonitorTests {
  /// Waits for so many looks.
  private func reading(of monitor: DeviceMonitor, _ count: Int) async throws -> DeviceReading {
    while true {
      try await Task.sleep(for: .milliseconds(20 * count))
      if let reading = monitor.take(), reading.sampleCount >= count { return reading }
    }
  }

  @Test("Readings are of the time since the one before, with what the multiprocessors did", .timeLimit(.minutes(10)))
  func readings() async throws {
    let fake = try FakeNVML()
    let monitor = DeviceMonitor(try #require(try NVML(library: fake.library).devices.last), every: .milliseconds(2))
    #expect(monitor.name == "NVIDIA H100 80GB HBM3")
    for _ in 0..<2 {
      let reading = try await reading(of: monitor, 3)
      for (mean, expected) in [
        (reading.activity, 0.96), (reading.memoryActivity, 0.41), (reading.multiprocessorActivity, 0.64),
        (reading.tensorActivity, 0.315),
      ] { #expect(abs((mean ?? 0) - expected) < 1e-12) }
      #expect(reading.memoryBytes == 12 << 30 && reading.temperatureCelsius == 72)
      #expect(reading.powerWatts == 652.5 && reading.clockMegahertz == 1755)
      #expect(reading.throttled == 1 && reading.powerCapped == 1)
      #expect(reading.criticalErrors.isEmpty)
    }
    #expect(monitor.latest?.sampleCount == 1)
  }

  @Test("An error that the driver reports is told once, with its number", .timeLimit(.minutes(10)))
  func criticalErrors() async throws {
    let fake = try FakeNVML("XID=79")
    let monitor = DeviceMonitor(try #require(try NVML(library: fake.library).devices.first), every: .milliseconds(2))
    #expect(try await reading(of: monitor, 1).criticalErrors == [79])
    #expect(try await reading(of: monitor, 3).criticalErrors.isEmpty)
  }

  @Test("A reading is the mean of what changes, the most of what must not run out, and the union of reasons")
  func summing() {
    var reading = DeviceReading()
    for (activity, bytes, degrees, reasons) in [
      (0.5, 10, 60, [.powerCap]), (1, 30, 80, [.heat]), (nil, 20, 70, []), (0.9, 20, 70, [.idle]),
    ] as [(Double?, Int, Double, ClockReasons)] {
      var sample = DeviceSample()
      (sample.activity, sample.memoryBytes, sample.temperatureCelsius) = (activity, bytes, degrees)
      sample.clockReasons = reasons
      reading.add(sample)
    }
    #expect(abs((reading.activity ?? 0) - 0.8) < 1e-12)
    #expect(reading.memoryBytes == 30 && reading.temperatureCelsius == 80)
    #expect(reading.throttled == 0.25 && reading.powerCapped == 0.25)
    #expect(reading.clockReasons == [.powerCap, .heat, .idle])
    #expect(reading.powerWatts == nil)
  }

  @Test("Its record has a key for everything that is known, and none for the rest")
  func record() {
    var sample = DeviceSample()
    (sample.activity, sample.memoryBytes, sample.powerWatts) = (0.97, 12 << 30, 652.5)
    (sample.temperatureCelsius, sample.clockReasons, sample.uncorrectedErrors) = (71, [.powerCap], 0)
    var reading = DeviceReading()
    reading.add(sample)
    var record = MetricsRecord(step: 3)
    record.add(reading, ofRank: 2)
    #expect(
      record.json.serialized()
        == #"{"step":3,"gpu/2/activity":0.97,"gpu/2/memory_bytes":12884901888,"gpu/2/power_watts":652.5,"#
        + #""gpu/2/temperature_celsius":71.0,"gpu/2/throttled":0.0,"gpu/2/power_capped":1.0,"gpu/2/uncorrected_errors":0}"#
    )
  }

  @Test("The progress line has it in a few words: busy multiprocessors where they are known, and what slows it down")
  func progress() {
    var sample = DeviceSample()
    func text() -> String {
      var reading = DeviceReading()
      reading.add(sample)
      return reading.shortText
    }
    #expect(text() == "GPU")
    (sample.activity, sample.powerWatts, sample.temperatureCelsius) = (0.97, 652.5, 71)
    sample.clockReasons = .powerCap
    #expect(text() == "GPU 97 % 652 W 71 °C")
    sample.multiprocessorActivity = 0.64
    sample.clockReasons = [.powerCap, .heat, .hardwareSlowdown]
    #expect(text() == "SM 64 % 652 W 71 °C slowed: hardware slowdown, heat")
    var progress = Progress(done: 1, total: 2)
    progress.device = text()
    #expect(progress.plainLine == "train step 1/2 (50 %), SM 64 % 652 W 71 °C slowed: hardware slowdown, heat")
  }

  @Test("Reasons for a lower clock have words, newer ones too")
  func words() {
    #expect(ClockReasons(rawValue: 0).words.isEmpty)
    #expect(ClockReasons(rawValue: 0x1).words == ["idle"])
    #expect(ClockReasons(rawValue: 0x64).words == ["power limit", "heat", "heat, by the hardware"])
    #expect(ClockReasons(rawValue: 0x8001).words == ["idle", "reason 0x8000"])
    // NVIDIA's table of "Clocks Event Reasons" has eleven.
    #expect((0..<11).allSatisfy { ClockReasons(rawValue: 1 << $0).words.first?.hasPrefix("reason") == false })
  }
}
