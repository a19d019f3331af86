import Files
import Foundation
import MiniMind
import OrderedJSON
import Synchronization

/// The output folder of a run, which no other run may use meanwhile.
public final class RunFolder: Sendable {
  /// Where it is; another place once the folder was removed or renamed under the run (`putBackIfGone`).
  public var location: URL { place.withLock(\.location) }
  /// Where the folder is, what tells it from another one of that name, and what keeps other processes out.
  struct Place {
    var location: URL
    var identity: FileIdentity?
    var lock: FolderLock?
  }
  let place: Mutex<Place>
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
  /// - Parameter waiting: told of a process on another machine that may still use the folder, while it is watched
  /// - Throws: `TrainingError.folderInUse` for a run that is neither to be resumed nor replaced,
  ///   `TrainingError.folderLocked` for a run that is going on, `TrainingError.folderHoldsOthers` where the run would replace
  ///   files that no run wrote, `TrainingError.cannotWrite`.
  public init(
    _ location: URL, existing: Existing, waiting: (_ holder: String) -> Void = { _ in }
  ) throws(TrainingError) {
    isNew = !FileManager.default.fileExists(atPath: location.path)
    place = Mutex(try Self.made(location, waiting: waiting))
    do {
      try prepare(existing)
    } catch {
      release()
      throw error
    }
  }

  deinit { release() }

  /// Lets other runs use the folder.
  public func release() {
    place.withLock { place in
      place.lock?.release()
      place.lock = nil
    }
  }

  /// Makes a folder and takes it for this process.
  static func made(_ location: URL, waiting: (_ holder: String) -> Void = { _ in }) throws(TrainingError) -> Place {
    do {
      try FileManager.default.createDirectory(at: location, withIntermediateDirectories: true)
    } catch {
      // Foundation does not always say what is in the way; the system does.
      let reason = mkdir(location.path, 0o777) == 0 ? words(for: error) : String(cString: strerror(errno))
      throw .cannotWrite(location.path, reason: reason)
    }
    guard access(location.path, W_OK) == 0 else {
      throw .cannotWrite(location.path, reason: String(cString: strerror(errno)))
    }
    do {
      switch try FolderLock.take(location, waiting: waiting) {
      case .taken(let lock): return Place(location: location, identity: FileIdentity(of: location), lock: lock)
      case .held(let holder): throw TrainingError.folderLocked(location.path, holder: holder)
      }
    } catch let error as FileError {
      throw .cannotWrite(location.path, reason: error.problem)
    } catch {
      throw error as? TrainingError ?? .cannotWrite(location.path, reason: "\(error)")
    }
  }

  private func prepare(_ existing: Existing) throws(TrainingError) {
    AtomicDirectory.removeLeftovers(in: location)
    guard holdsRun else {
      let others = othersInTheWay
      guard others.isEmpty else { throw .folderHoldsOthers(location.path, files: others) }
      return
    }
    switch existing {
    case .refuse: throw .folderInUse(location.path, canResume: !checkpoints.isEmpty)
    case .resume: break
    case .overwrite: try removePreviousRun()
    }
  }

  /// Removes the folder of a run that never began: one that was made for it and is still empty.
  public func removeIfUnused() {
    release()
    if isNew, contents.isEmpty { try? FileManager.default.removeItem(at: location) }
  }

  /// A file of the run.
  public func file(_ name: String) -> URL { location.appendingPathComponent(name) }

  /// The checkpoints that runs of this program wrote, newest first.
  public var checkpoints: [(step: Int, folder: URL)] { Self.checkpoints(in: location) }

  /// The same of a folder that is only looked at, newest first.
  public static func checkpoints(in folder: URL) -> [(step: Int, folder: URL)] {
    numberedFolders(in: folder).filter { isOwnCheckpoint($0.folder) }.sorted { $0.step > $1.step }
  }

  /// The folder of a step's checkpoint.
  public func checkpoint(step: Int) -> URL { file("\(Self.checkpointPrefix)\(step)") }

  /// Removes all but the newest checkpoints.
  ///
  /// - Parameters:
  ///   - limit: how many to keep
  ///   - best: the step of one that stays, whatever its age, and counts among these; as in `transformers`, the newest stays
  ///     as well
  public func removeOldCheckpoints(keeping limit: Int, best: Int? = nil) {
    let newest = checkpoints.prefix(1)
    let others = checkpoints.dropFirst()
    let kept = others.filter { $0.step == best } + others.filter { $0.step != best }
    for (step, folder) in kept.dropFirst(max(1, limit) - newest.count) where step != best {
      try? AtomicDirectory.remove(folder)
    }
  }

  /// Removes all checkpoints.
  public func removeCheckpoints() {
    for (_, folder) in checkpoints { try? AtomicDirectory.remove(folder) }
  }

  private static let checkpointPrefix = "checkpoint-"
  /// What describes a run; every run writes it before its first step.
  private static let environmentFile = "environment.json"
  private static let records = [
    "metrics.jsonl", "config.yaml", environmentFile, "data.json", "report.html", "samples.jsonl",
  ]
  private static let weights = "model.safetensors"
  /// The folder of the model with the adapter in its weights.
  public static let mergedModel = "merged"

  private var contents: [URL] { Self.contents(of: location) }

  private static func contents(of folder: URL) -> [URL] {
    (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
  }

  private static func numberedFolders(in folder: URL) -> [(step: Int, folder: URL)] {
    contents(of: folder).compactMap { url in
      guard url.lastPathComponent.hasPrefix(checkpointPrefix),
        let step = Int(url.lastPathComponent.dropFirst(checkpointPrefix.count))
      else { return nil }
      return (step, url)
    }
  }

  /// Whether a folder is a checkpoint of this program, be it damaged. `transformers` gives its own the same names, but
  /// writes neither file.
  private static func isOwnCheckpoint(_ folder: URL) -> Bool {
    ["manifest.json", "optimizer.safetensors"].contains {
      FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path)
    }
  }

  /// What the run in the folder says of itself; nil where no run of this program made the folder.
  public var environment: JSON? {
    guard let bytes = try? Data(contentsOf: file(Self.environmentFile)), let json = try? JSON(parsing: bytes),
      json["program"]?.string != nil, json["started"]?.string != nil
    else { return nil }
    return json
  }

  /// Whether a run of this program made the folder what it is.
  public var holdsRun: Bool { environment != nil || !checkpoints.isEmpty }

  /// Files and folders with the names of what a run writes, in a folder without a run.
  private var othersInTheWay: [String] {
    let names = Set(
      Self.records + [Self.weights, "config.json", Self.mergedModel] + AdapterFiles.names + ModelFiles.tokenizerFiles)
    return
      (contents.map(\.lastPathComponent).filter(names.contains)
      + Self.numberedFolders(in: location).map(\.folder.lastPathComponent))
      .sorted()
  }

  /// Removes what an earlier run wrote, but for the files that the next result replaces anyway, and for symbolic links.
  public func removePreviousRun() throws(TrainingError) {
    let host = environment?["host"]?.string
    let own = contents.filter { url in
      let name = url.lastPathComponent
      if (try? FileManager.default.destinationOfSymbolicLink(atPath: url.path)) != nil { return false }
      return [Self.weights, "config.json", Self.mergedModel].contains(name) || AdapterFiles.names.contains(name)
        || Self.records.contains(name) || host.map { Self.isEventFile(name, of: $0) } ?? false
    }
    do {
      for folder in checkpoints.map(\.folder) { try AtomicDirectory.remove(folder) }
      for url in own { try FileManager.default.removeItem(at: url) }
    } catch let error as FileError {
      throw .cannotWrite(location.path, reason: error.problem)
    } catch {
      throw .cannotWrite(location.path, reason: Self.words(for: error))
    }
  }

  /// `events.out.tfevents.<seconds>.<host>.<process>`; other programs add a further number.
  private static func isEventFile(_ name: String, of host: String) -> Bool {
    let prefix = "events.out.tfevents."
    guard name.hasPrefix(prefix) else { return false }
    let rest = name.dropFirst(prefix.count)
    guard let dot = rest.firstIndex(of: "."), Int(rest[..<dot]) != nil else { return false }
    let place = rest[rest.index(after: dot)...]
    return place.hasPrefix(host + ".") && Int(place.dropFirst(host.count + 1)) != nil
  }

  static func words(for error: any Error) -> String {
    let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    guard let underlying, underlying.domain == NSPOSIXErrorDomain else { return error.localizedDescription }
    return String(cString: strerror(Int32(underlying.code)))
  }
}
