import Files
import Foundation
import Observability
import OrderedJSON
import Training

/// The folder of a sweep: `sweep.jsonl` with a line for each trial that has ended, `sweep.json` and `sweep.html` with the
/// outcome, `trials/` with what each trial recorded, and `best/` with the model where it was asked for.
final class SweepFolder {
  /// When the sweep began; nil for a new one.
  private(set) var started: Date?
  /// The trials that have ended.
  private(set) var trials: [SweepTrial] = []
  /// The trial whose model was saved.
  private(set) var savedBest: String?
  private var identity: [String: String]?
  private let location: URL
  private let folder: RunFolder

  /// Makes the folder, or takes the one of a sweep that goes on.
  ///
  /// - Parameter replaces: whether an earlier sweep is removed
  /// - Throws: `TrainingError` for a folder that holds something else, `Failure` for records that cannot be read
  init(_ location: URL, replaces: Bool) throws {
    self.location = location
    folder = try RunFolder(location, existing: .refuse)
    guard let bytes = FileManager.default.contents(atPath: records.path) else { return }
    if replaces {
      for name in ["trials", "best", "sweep.json", "sweep.html", "sweep.jsonl"] {
        let file = location.appendingPathComponent(name)
        if FileManager.default.fileExists(atPath: file.path) { try FileManager.default.removeItem(at: file) }
      }
    } else {
      try read(bytes)
    }
  }

  /// Removes a folder that was made for nothing.
  func removeIfUnused() { folder.removeIfUnused() }

  private var records: URL { location.appendingPathComponent("sweep.jsonl") }

  private func read(_ bytes: Data) throws {
    for (number, line) in String(decoding: bytes, as: UTF8.self).split(separator: "\n").enumerated() {
      guard let json = try? JSON(parsing: String(line)) else {
        throw Failure(
          .badData,
          "\(records.path), line \(number + 1), is not JSON. Replace the sweep with --overwrite-output-dir, or name another folder."
        )
      }
      if let header = json["sweep"]?.object {
        identity = Dictionary(
          uniqueKeysWithValues: header.compactMap { name, value in value.string.map { (name, $0) } })
        started = json["started"]?.string.flatMap { ISO8601DateFormatter().date(from: $0) }
      } else if let best = json["best"]?.string {
        savedBest = best
      } else if let trial = SweepTrial(json) {
        trials.append(trial)
      }
    }
  }

  /// Begins a new sweep, or makes sure that the one in the folder is of the same data and options.
  ///
  /// - Throws: `Failure` that lists what differs
  func begin(_ identity: [String: String], started: Date) throws {
    guard let before = self.identity else {
      (self.identity, self.started) = (identity, started)
      return try write()
    }
    let differences = Set(before.keys).union(identity.keys).sorted().compactMap { name -> String? in
      before[name] == identity[name]
        ? nil : "  \(name): \(before[name] ?? "not set") there, \(identity[name] ?? "not set") now"
    }
    guard differences.isEmpty else {
      throw Failure(
        .badData,
        """
        \(location.path) holds a sweep of other data or with other settings, which cannot be compared with this one:
        \(differences.joined(separator: "\n"))
        Name another folder with --output-dir, or replace it with --overwrite-output-dir.
        """)
    }
  }

  /// Records a trial that has ended.
  func add(_ trial: SweepTrial) throws {
    trials.removeAll { $0.setting == trial.setting }
    trials.append(trial)
    try write()
  }

  /// Records whose model lies in `best/`.
  func addBest(_ name: String) throws {
    savedBest = name
    try write()
  }

  /// Writes the outcome, for people and for programs.
  func write(_ table: SweepTable) throws {
    let json = location.appendingPathComponent("sweep.json")
    try writeAtomically(Data((table.json.serialized(.pretty) + "\n").utf8), to: json)
    let runs = table.trials.compactMap {
      try? ReportRun(
        folder: URL(fileURLWithPath: SweepRequest.folder(of: $0.setting, in: location.path), isDirectory: true))
    }
    try SweepReport(table, runs: runs).write(to: location.appendingPathComponent("sweep.html"))
  }

  /// All records, the whole file at once: it is complete at any moment.
  private func write() throws {
    var lines: [JSON] = []
    if let identity {
      let facts = identity.sorted { $0.key < $1.key }.map { (key: $0.key, value: JSON.string($0.value)) }
      let date = started.map { ISO8601DateFormatter().string(from: $0) }
      lines.append(["sweep": .object(JSON.Object(facts)), "started": date.map(JSON.string) ?? .null])
    }
    lines += trials.map(\.json)
    if let savedBest { lines.append(["best": .string(savedBest)]) }
    try writeAtomically(Data(lines.map { $0.serialized() + "\n" }.joined().utf8), to: records)
  }
}
