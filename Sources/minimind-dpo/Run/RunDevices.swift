import Collectives
import Foundation
import Launcher
import Logging
import Observability
import Torch

/// The GPUs that the ranks of a run compute on, for its records and its progress line. Each rank watches its own; the first
/// one's records tell of its own, and which one is the hottest.
final class RunDevices {
  private let monitor: DeviceMonitor?
  /// Nil unless every rank has a GPU that it can watch: all take part in what is gathered, or none does.
  private let group: ProcessGroup?
  private let rank: Int
  private let logger = Logger(label: "gpu")
  private var uncorrectedErrors: Int?

  /// Called on all ranks at the same time.
  ///
  /// - Parameter ordinal: of this rank's GPU, as CUDA numbers those that it sees; nil where it computes on the CPU
  /// - Throws: `TorchError` when another rank is gone
  init(_ job: Job, ordinal: Int?) throws(TorchError) {
    let monitor = ordinal.flatMap { DeviceMonitor(cudaOrdinal: $0) }
    let watching = try job.communicator?.group.sum([monitor == nil ? 0 : 1])[0]
    self.monitor = monitor
    group = watching == Double(job.worldSize) ? job.communicator?.group : nil
    rank = job.environment.rank
  }

  /// The last look in a few words; nil without a GPU.
  var shortText: String? { monitor?.latest?.shortText }
  /// Bytes of the GPU's memory in use; nil without a GPU.
  var memoryBytes: Int? { monitor?.latest?.memoryBytes }

  /// What was seen in an interval.
  struct Report {
    fileprivate let rank: Int
    fileprivate let reading: DeviceReading?
    fileprivate var hottest: (rank: Int, celsius: Double)?
    fileprivate var throttledRanks: Int?

    /// Adds it to the record of the interval.
    func add(to record: inout MetricsRecord) {
      if let reading { record.add(reading, ofRank: rank) }
      if let hottest {
        record.set(MetricName.hottestRank, to: hottest.rank)
        record[MetricName.hottestTemperature] = hottest.celsius
      }
      if let throttledRanks { record.set(MetricName.throttledRanks, to: throttledRanks) }
    }
  }

  /// What was seen since the last call. Called on all ranks after the same step.
  ///
  /// - Throws: `TorchError` when another rank is gone
  func report() throws(TorchError) -> Report {
    let reading = monitor?.take()
    if let reading { warn(reading) }
    var report = Report(rank: rank, reading: reading)
    guard let group else { return report }
    // A GPU that does not answer is none of both.
    let own: [Double] = [reading?.temperatureCelsius ?? -.infinity, (reading?.throttled ?? 0) > 0 ? 1 : 0]
    let all = try group.gather(own)
    report.hottest = all.indices.max { all[$0][0] < all[$1][0] }.map { ($0, all[$0][0]) }
    if report.hottest?.celsius.isFinite == false { report.hottest = nil }
    report.throttledRanks = all.filter { $0[1] > 0 }.count
    return report
  }

  private func warn(_ reading: DeviceReading) {
    let name =
      monitor.map { monitor in
        let place = monitor.device.busID
        return Phrase(
          en: "\(monitor.name) at \(place ?? "an unknown place")", zh: monitor.name + (place.map { "（\($0)）" } ?? ""))
      } ?? Phrase(en: "the GPU", zh: "GPU")
    for number in reading.criticalErrors {
      let words = CriticalError.words(number).map { ", \($0)" } ?? ""
      logger.warning(
        Phrase(
          en:
            "\(name.en): the driver reports an error, Xid \(number)\(words). The kernel's log (dmesg) and NVIDIA's list of Xid "
            + "errors have more",
          zh: "\(name.zh)：驱动报告错误 Xid \(number)\(words)。详见内核日志（dmesg）和 NVIDIA 的 Xid 错误列表"))
    }
    guard let errors = reading.latest.uncorrectedErrors else { return }
    if let before = uncorrectedErrors, errors > before {
      logger.warning(
        Phrase(
          en:
            "\(name.en): \(errors - before) memory errors that could not be corrected; what was computed since the last record "
            + "may be wrong",
          zh: "\(name.zh)：\(errors - before) 个无法纠正的显存错误；上一条记录之后的计算结果可能有误"))
    }
    uncorrectedErrors = errors
  }
}
