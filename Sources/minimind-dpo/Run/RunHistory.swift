import Files
import Foundation
import MiniMind
import Observability
import OrderedJSON
import Training

/// What a run has done before it was resumed: its counters go on as if it had never stopped.
struct RunHistory: Codable {
  /// The file in a checkpoint.
  static let fileName = "run_totals.json"

  var pairs = 0
  var tokens = 0
  var sideTokens = 0
  var seconds = 0.0
  var stepSeconds = 0.0
  /// What has been said of where the run goes; nil in checkpoints of earlier versions.
  var drift: DriftGuard?
  // Runs of earlier versions do not say these.
  /// Checkpoints that were saved, with the one that this is in.
  var checkpoints: Int?
  /// Seconds in which training stood still for them, without that one.
  var checkpointSeconds: Double?

  /// Of a run that begins, or whose checkpoint is of an earlier version.
  init() {}

  /// Reads what a checkpoint keeps.
  init(in notes: [String: Data]) {
    guard let found = notes[Self.fileName].flatMap({ try? JSONDecoder().decode(Self.self, from: $0) }), found.isPossible
    else {
      return
    }
    self = found
  }

  /// The file's content.
  var data: Data {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys]
      return try encoder.encode(self)
    }
  }

  private var isPossible: Bool {
    let largest = 1 << 60
    return [pairs, tokens, sideTokens, checkpoints ?? 0].allSatisfy { (0...largest).contains($0) }
      && [seconds, stepSeconds, checkpointSeconds ?? 0].allSatisfy { $0 >= 0 && $0.isFinite }
  }
}

extension RunFolder {
  /// Whether the run in the folder came to its end, and its result is there: nothing is left to resume.
  var holdsFinishedRun: Bool {
    guard let log = try? MetricsLog(contentsOf: file("metrics.jsonl")), let totals = log.totals else { return false }
    return totals.stoppedBy == nil
      && (["model.safetensors"] + AdapterFiles.names).contains {
        FileManager.default.fileExists(atPath: file($0).path)
      }
  }

  /// The settings of the run in the folder that a run which continues must have too; nil where it does not say.
  var identity: [String: String]? {
    environment?[RunEnvironment.identityKey]?.object.map { members in
      Dictionary(members.compactMap { name, value in value.string.map { (name, $0) } }) { one, _ in one }
    }
  }
}
