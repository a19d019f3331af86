import Checkpoints
import Foundation

/// The output folder of a run.
public struct RunFolder: Sendable {
  /// Where it is.
  public let location: URL
  private let isNew: Bool

  /// What to do with a folder that holds a run already.
  public enum Existing: Sendable {
    /// Refuse, so that nothing is lost.
    case refuse
    /// Continue it.
    case resume
    /// Replace it.
    case overwrite
  }

  /// Makes the folder, or takes the one that is there.
  ///
  /// - Throws: `TrainingError.folderInUse`, `TrainingError.cannotWrite`.
  public init(_ location: URL, existing: Existing) throws(TrainingError) {
    self.location = location
    isNew = !FileManager.default.fileExists(atPath: location.path)
    do {
      try FileManager.default.createDirectory(at: location, withIntermediateDirectories: true)
    } catch {
      // Foundation does not always say what is in the way; the system does.
      let reason = mkdir(location.path, 0o777) == 0 ? Self.words(for: error) : String(cString: strerror(errno))
      throw .cannotWrite(location.path, reason: reason)
    }
    guard access(location.path, W_OK) == 0 else {
      throw .cannotWrite(location.path, reason: String(cString: strerror(errno)))
    }
    if holdsRun {
      switch existing {
      case .refuse: throw .folderInUse(location.path)
      case .resume: break
      case .overwrite: try removeRun()
      }
    }
  }

  /// Removes the folder of a run that never began: one that was made for it and is still empty.
  public func removeIfUnused() {
    if isNew, contents.isEmpty { try? FileManager.default.removeItem(at: location) }
  }

  /// A file of the run.
  public func file(_ name: String) -> URL { location.appendingPathComponent(name) }

  /// The checkpoints that are there, newest first.
  public var checkpoints: [(step: Int, folder: URL)] {
    contents.compactMap { url in
      guard url.lastPathComponent.hasPrefix(Self.checkpointPrefix),
        let step = Int(url.lastPathComponent.dropFirst(Self.checkpointPrefix.count))
      else { return nil }
      return (step, url)
    }.sorted { $0.step > $1.step }
  }

  /// The folder of a step's checkpoint.
  public func checkpoint(step: Int) -> URL { file("\(Self.checkpointPrefix)\(step)") }

  /// Removes all but the newest checkpoints.
  ///
  /// - Parameter limit: how many to keep
  public func removeOldCheckpoints(keeping limit: Int) {
    for (_, folder) in checkpoints.dropFirst(max(1, limit)) { try? FileManager.default.removeItem(at: folder) }
  }

  private static let checkpointPrefix = "checkpoint-"
  private static let runFiles = [
    "metrics.jsonl", "config.yaml", "environment.json", "report.html", "model.safetensors",
  ]

  private var contents: [URL] {
    (try? FileManager.default.contentsOfDirectory(at: location, includingPropertiesForKeys: nil)) ?? []
  }

  private var holdsRun: Bool {
    contents.contains { Self.runFiles.contains($0.lastPathComponent) } || !checkpoints.isEmpty
  }

  /// Only what a run leaves is removed; whatever else the user keeps in the folder stays.
  private func removeRun() throws(TrainingError) {
    let ours = contents.filter {
      Self.runFiles.contains($0.lastPathComponent) || $0.lastPathComponent.hasPrefix("events.out.tfevents")
    }
    do {
      for url in ours + checkpoints.map(\.folder) { try FileManager.default.removeItem(at: url) }
    } catch {
      throw .cannotWrite(location.path, reason: Self.words(for: error))
    }
  }

  private static func words(for error: any Error) -> String {
    let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    guard let underlying, underlying.domain == NSPOSIXErrorDomain else { return error.localizedDescription }
    return String(cString: strerror(Int32(underlying.code)))
  }
}
