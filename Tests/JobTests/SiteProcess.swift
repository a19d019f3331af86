import Foundation

/// A process as the system shows it.
struct SiteProcess {
  let id: Int32
  let variables: [String: String]

  /// - Returns: nil when there is no such process, or it has ended and merely was not asked how
  init?(_ id: Int32) {
    guard let bytes = FileManager.default.contents(atPath: "/proc/\(id)/environ"), !bytes.isEmpty else { return nil }
    self.id = id
    let entries = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    variables = Dictionary(
      entries.compactMap { entry in
        let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
      }, uniquingKeysWith: { first, _ in first })
  }

  /// Its number in a job, as one of the starters told it.
  var rank: Int? {
    ["RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID", "PMI_RANK"].lazy.compactMap { variables[$0] }.first.flatMap {
      Int($0)
    }
  }

  var attempt: Int { variables["TORCHELASTIC_RESTART_COUNT"].flatMap { Int($0) } ?? 0 }

  /// Whether a process has a signal do something else than end it.
  static func hears(_ signal: Int32, _ process: Int32) -> Bool {
    let status = FileManager.default.contents(atPath: "/proc/\(process)/status") ?? Data()
    let masks = String(decoding: status, as: UTF8.self).split(separator: "\n").compactMap { line in
      let parts = line.split(separator: "\t")
      return ["SigIgn:", "SigCgt:"].contains(parts[0]) ? UInt64(parts[1], radix: 16) : nil
    }
    return masks.contains { $0 & (1 << UInt64(signal - 1)) != 0 }
  }
}
