/// How busy the multiprocessors and tensor cores of a device are (NVML's "GPU performance monitoring", devices from Hopper
/// on). It counts what works, where ``DeviceSample/activity`` only says that something ran.
///
/// Not for several threads at once.
final class MultiprocessorActivity {
  private typealias Allocate = @convention(c) (UnsafeMutableRawPointer?) -> CInt
  private typealias Free = @convention(c) (UnsafeMutableRawPointer) -> CInt

  private let device: NVMLDevice
  private let get: NVML.DeviceQuery
  private let compare: NVML.Query
  /// The two samples that differences are taken of; the older one is written next.
  private var samples: [UnsafeMutableRawPointer] = []
  private var isFirst = true

  /// Nil where the device or the driver does not have it.
  init?(of device: NVMLDevice) {
    // nvmlGpmSupport_t: version 1, then the answer.
    let supported = device.structure("nvmlGpmQueryDeviceSupport", byteCount: 8, version: 1) {
      $0.load(fromByteOffset: 4, as: CUnsignedInt.self)
    }
    guard supported == 1, let allocate = device.library.function("nvmlGpmSampleAlloc", as: Allocate.self),
      let get = device.library.function("nvmlGpmSampleGet", as: NVML.DeviceQuery.self),
      let compare = device.library.function("nvmlGpmMetricsGet", as: NVML.Query.self)
    else { return nil }
    (self.device, self.get, self.compare) = (device, get, compare)
    for _ in 0..<2 {
      var sample: UnsafeMutableRawPointer?
      guard allocate(&sample) == 0, let sample else { return nil }
      samples.append(sample)
    }
  }

  deinit {
    let free = device.library.function("nvmlGpmSampleFree", as: Free.self)
    for sample in samples { _ = free?(sample) }
  }

  /// What has happened since the call before, which should be a tenth of a second ago at the least; nothing at the first.
  func addLatest(to result: inout DeviceSample) {
    guard get(device.handle, samples[0]) == 0 else { return }
    samples.swapAt(0, 1)
    guard !isFirst else {
      isFirst = false
      return
    }
    // nvmlGpmMetricsGet_t: version 1, how many metrics, both samples, the metrics of 40 bytes each: identifier, status,
    // value in per cent, names. 2 is NVML_GPM_METRIC_SM_UTIL, 5 NVML_GPM_METRIC_ANY_TENSOR_UTIL.
    let metrics: [CUnsignedInt] = [2, 5]
    withUnsafeTemporaryAllocation(byteCount: 24 + 40 * metrics.count, alignment: 8) { bytes in
      bytes.initializeMemory(as: UInt8.self, repeating: 0)
      bytes.storeBytes(of: 1, as: CUnsignedInt.self)
      bytes.storeBytes(of: CUnsignedInt(metrics.count), toByteOffset: 4, as: CUnsignedInt.self)
      bytes.storeBytes(of: samples[0], toByteOffset: 8, as: UnsafeMutableRawPointer.self)
      bytes.storeBytes(of: samples[1], toByteOffset: 16, as: UnsafeMutableRawPointer.self)
      for (place, metric) in metrics.enumerated() {
        bytes.storeBytes(of: metric, toByteOffset: 24 + 40 * place, as: CUnsignedInt.self)
      }
      guard compare(bytes.baseAddress) == 0 else { return }
      func value(_ place: Int) -> Double? {
        let status = bytes.load(fromByteOffset: 24 + 40 * place + 4, as: CInt.self)
        let percent = bytes.load(fromByteOffset: 24 + 40 * place + 8, as: Double.self)
        return status == 0 && percent.isFinite ? percent / 100 : nil
      }
      (result.multiprocessorActivity, result.tensorActivity) = (value(0), value(1))
    }
  }
}
