import Foundation
import Logging

/// Everyone who hears of a run while it goes on, at work: adapters of trackers, and a command of the user's.
///
/// None of them can stop the run, slow it down or fail it: they follow `metrics.jsonl` from the disk, a problem of theirs is one
/// warning, and at the end they are waited for only so long.
public final class MetricsBroadcast {
  /// How many seconds the end of a run waits for those who still have something to send.
  public static let patience = 30.0
  private let audience: MetricsAudience
  private var adapters: [TrackerAdapter] = []
  private var command: MetricsCommand?
  private let logger = Logger(label: "train")

  /// Starts everyone.
  ///
  /// - Parameters:
  ///   - folder: the run's, in which `metrics.jsonl` is open
  ///   - goesOn: whether a run in the folder goes on; else it begins, under a new id
  public init(_ audience: MetricsAudience, runIn folder: URL, goesOn: Bool) {
    self.audience = audience
    let place = TrackersFolder(ofRunIn: folder)
    if !goesOn { try? FileManager.default.removeItem(at: place.location) }
    guard !audience.trackers.isEmpty || audience.command != nil else { return }
    let warn: @Sendable (String) -> Void = { [logger] in logger.warning("\($0)") }
    let inform: @Sendable (String) -> Void = { [logger] in logger.info("\($0)") }
    do {
      try place.prepare(audience.run)
    } catch {
      warn("--report-to, --on-metrics: \(error). Nobody is told of this run, which goes on.")
      return
    }
    for tracker in audience.trackers {
      do {
        adapters.append(
          try TrackerAdapter(tracker, python: audience.python, runIn: folder, inform: inform, warn: warn))
      } catch {
        warn("--report-to \(tracker.rawValue): \(error). The run goes on; --tracker-python names another Python.")
      }
    }
    guard let text = audience.command else { return }
    do {
      command = try MetricsCommand(text, runIn: folder, warn: warn)
    } catch {
      warn("--on-metrics: \(error). The run goes on.")
    }
  }

  /// The run goes on in another folder, in which `metrics.jsonl` has all records so far.
  public func move(to folder: URL) {
    guard !adapters.isEmpty || command != nil else { return }
    try? TrackersFolder(ofRunIn: folder).prepare(audience.run)
    for adapter in adapters { adapter.move(to: folder) }
    command?.move(to: folder)
  }

  /// Says that the last record is written. Does not wait.
  public func end() {
    for adapter in adapters { adapter.end() }
    command?.end()
  }

  /// Waits until everyone has sent what there is, but not for long; who then still works is ended.
  public func wait(seconds: Double = patience) {
    end()
    let start = ContinuousClock.now
    let deadline = start + .seconds(seconds)
    while ContinuousClock.now < min(start + .seconds(2), deadline), adapters.contains(where: \.isWorking) {
      usleep(20_000)
    }
    let working = adapters.count(where: \.isWorking)
    if working > 0, seconds > 2 {
      logger.info("waiting up to \(Int(seconds)) s for \(working == 1 ? "a tracker" : "trackers") to send the rest")
    }
    for adapter in adapters { adapter.wait(until: deadline) }
    command?.wait(until: deadline)
    (adapters, command) = ([], nil)
  }
}
