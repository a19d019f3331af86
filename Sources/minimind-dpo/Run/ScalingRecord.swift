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
  static func sentence(processes: Int) -> Phrase? {
    guard processes > 1, let file, let bytes = try? Data(contentsOf: file), let record = try? JSON(parsing: bytes),
      record["host"]?.string == SystemInfo().hostName, let efficiency = record["\(processes)"]?.double
    else { return nil }
    let day = record["date"]?.string.map { Phrase(String($0.prefix(10))) } ?? Phrase(en: "an unknown day", zh: "某天")
    let (model, threads) = (record["model"]?.string ?? "?", record["threads"]?.int ?? 0)
    let (work, share) = (HumanText.fixed(efficiency * Double(processes), 2), HumanText.percent(efficiency))
    return Phrase(
      en:
        "bench --scaling on \(day.en) (\(model), threads per process: \(threads)): \(processes) processes did \(work)× the "
        + "work of one, an efficiency of \(share).",
      zh: "bench --scaling 于 \(day.zh) 测得（\(model)，每个进程 \(threads) 个线程）：\(processes) 个进程完成的工作是一个进程的 "
        + "\(work) 倍，效率 \(share)。")
  }

  private static var file: URL? {
    TokenCache.standardFolder()?.deletingLastPathComponent().appendingPathComponent("scaling.json")
  }
}
