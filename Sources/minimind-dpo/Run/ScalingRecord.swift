import Files
import Foundation
import Observability
import OrderedCollections
import OrderedJSON
import Preferences

/// What `bench --scaling` found on this machine, kept for the closing words of runs in several processes.
enum ScalingRecord {
  /// Keeps the efficiency of each number of processes, with their threads and the model.
  static func write(_ efficiencies: OrderedDictionary<Int, Double>, model: String, threads: Int) {
    guard let file else { return }
    var table: JSON.Object = [
      "host": .string(SystemInfo().hostName), "model": .string(model), "threads": .integer(threads),
      "date": .string(ISO8601DateFormatter().string(from: Date())),
    ]
    for (processes, efficiency) in efficiencies { table["\(processes)"] = .number(efficiency) }
    // A record that cannot be kept is measured again.
    try? FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try? writeAtomically(Data((JSON.object(table).serialized(.pretty) + "\n").utf8), to: file)
  }

  /// A sentence about this number of processes, if it was measured on this machine.
  static func sentence(processes: Int) -> String? {
    guard processes > 1, let file, let bytes = try? Data(contentsOf: file), let record = try? JSON(parsing: bytes),
      record["host"]?.string == SystemInfo().hostName, let efficiency = record["\(processes)"]?.double
    else { return nil }
    let day = record["date"]?.string?.prefix(10) ?? "an unknown day"
    return
      "bench --scaling on \(day) (\(record["model"]?.string ?? "?"), threads per process: \(record["threads"]?.int ?? 0)): "
      + "\(processes) processes did \(HumanText.fixed(efficiency * Double(processes), 2))× the work of one, an efficiency of "
      + "\(HumanText.percent(efficiency))."
  }

  private static var file: URL? {
    TokenCache.standardFolder()?.deletingLastPathComponent().appendingPathComponent("scaling.json")
  }
}
