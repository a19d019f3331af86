import Foundation
import Synchronization

/// Watches a device while something else works on it: asks about once a second, on a thread of its own, and never stops
/// that work. Where the device does not answer any more, there are no readings any more.
public final class DeviceMonitor: Sendable {
  /// The device that is watched.
  public let device: NVMLDevice
  /// What it is called.
  public let name: String

  /// What the thread and its readers share.
  private final class Log: Sendable {
    struct State {
      var reading = DeviceReading()
      var latest: DeviceReading?
      var isStopped = false
    }
    let state = Mutex(State())
  }
  private let log = Log()

  /// Begins to watch.
  ///
  /// - Parameter interval: between two looks; above a tenth of a second, which is how often devices count
  public init(_ device: NVMLDevice, every interval: Duration = .seconds(1)) {
    self.device = device
    name = device.name ?? "GPU \(device.index)"
    let log = log
    Thread.detachNewThread { Self.watch(device, every: interval, into: log) }
  }

  /// Begins to watch the device at a place of the PCI bus (`0000:3b:00.0`); nil where NVIDIA's library is not here, or does
  /// not know the device.
  public convenience init?(busID: String) {
    guard let device = try? NVML().device(busID: busID) else { return nil }
    self.init(device)
  }

  /// Begins to watch the device that CUDA calls by a number; nil where NVIDIA's library is not here, or the environment
  /// does not tell for sure which device that is.
  ///
  /// - Parameter environment: for `CUDA_VISIBLE_DEVICES` and `CUDA_DEVICE_ORDER`
  public convenience init?(
    cudaOrdinal ordinal: Int, environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    guard let device = try? NVML().device(cudaOrdinal: ordinal, environment: environment) else { return nil }
    self.init(device)
  }

  deinit { log.state.withLock { $0.isStopped = true } }

  /// What was seen since the call before; nil where nothing was.
  public func take() -> DeviceReading? {
    log.state.withLock { state in
      defer { state.reading = DeviceReading() }
      return state.reading.sampleCount > 0 ? state.reading : nil
    }
  }

  /// The last look alone; nil before the first.
  public var latest: DeviceReading? { log.state.withLock { $0.latest } }

  private static func watch(_ device: NVMLDevice, every interval: Duration, into log: Log) {
    let multiprocessors = MultiprocessorActivity(of: device)
    let errors = CriticalErrors(of: device)
    while !log.state.withLock(\.isStopped) {
      var sample = device.sample()
      multiprocessors?.addLatest(to: &sample)
      let numbers = errors?.latest() ?? []
      log.state.withLock { state in
        state.reading.add(sample)
        state.reading.criticalErrors += numbers
        var latest = DeviceReading()
        latest.add(sample)
        state.latest = latest
      }
      Thread.sleep(forTimeInterval: interval / .seconds(1))
    }
  }
}
