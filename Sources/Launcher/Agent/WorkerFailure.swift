import Foundation

/// A worker that failed, as it is reported on every node.
struct WorkerFailure: Codable, Hashable, Sendable {
  let rank: Int
  let localRank: Int
  let host: String
  let process: Int32
  let ending: Ending
  /// By the clock of its host.
  let time: Date
  /// Place among the failures of the whole job, in the order in which nodes reported them.
  var order = 0
  let lastLines: [String]
  /// The reason in its error file.
  let reason: String?
  let logs: [String]

  /// Whether it is a cause of its own. Losing a peer is what happens to the others when one fails.
  var isPrimary: Bool { ending != .lostPeer }

  /// The failure that caused the others: the first that is not merely the loss of a peer.
  static func root(of failures: [WorkerFailure]) -> WorkerFailure? {
    let ordered = failures.sorted { $0.order < $1.order }
    return ordered.first(where: \.isPrimary) ?? ordered.first
  }
}

extension WorkerFailure {
  init(_ worker: WorkerProcess, ending: Ending, host: String, logs: [String]) {
    self.init(
      rank: worker.place.rank, localRank: worker.place.localRank, host: host, process: worker.id, ending: ending,
      time: worker.endedAt ?? Date(), lastLines: worker.lastLines.all,
      reason: worker.place.errorFile.flatMap(Self.reason(inFile:)), logs: logs)
  }

  /// The message of an error file, `{"message": {"message": "…"}}` or `{"message": "…"}`.
  private static func reason(inFile path: String) -> String? {
    guard let data = FileManager.default.contents(atPath: path), data.count < 1 << 20,
      let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
    else { return nil }
    let message = (object["message"] as? [String: Any])?["message"] ?? object["message"]
    return (message as? String).map { $0.count > 2000 ? $0.prefix(2000) + "…" : $0 }
  }
}
