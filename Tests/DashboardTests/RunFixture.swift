import Foundation
import Observability
import OrderedJSON

/// A folder that looks as a run of a few steps leaves it, and goes on when the test says so.
final class RunFixture: Sendable {
  let location: URL
  private var metrics: URL { location.appendingPathComponent("metrics.jsonl") }

  init(in folder: URL, _ name: String, totalSteps: Int = 200) throws {
    location = folder.appendingPathComponent(name)
    try FileManager.default.createDirectory(at: location, withIntermediateDirectories: true)
    let environment: JSON = [
      "program": "test", "started": "2026-01-01T00:00:00Z", "world_size": 2, "device": "cpu", "host": "box",
      "processes": [
        ["rank": 0, "host": "box", "device": "cpu", "threads": 1],
        ["rank": 1, "host": "box", "device": "cpu", "threads": 1],
      ],
      "identity": ["steps": .string("\(totalSteps)")],
    ]
    try Data(environment.serialized().utf8).write(to: location.appendingPathComponent("environment.json"))
    try Data("learning-rate: 5e-7\n".utf8).write(to: location.appendingPathComponent("config.yaml"))
    try Data().write(to: metrics)
  }

  static func line(step: Int) -> String {
    var record = MetricsRecord(step: step)
    record["epoch"] = Double(step) / 100
    record["loss"] = 0.7 - Double(step % 1000) * 1e-4
    record["rewards/margins"] = Double(step) * 1e-3
    record["rewards/accuracies"] = 0.75
    record["grad_norm"] = 1 + sin(Double(step))
    record["learning_rate"] = 5e-7
    record["time/step"] = 0.5
    record["time/elapsed"] = Double(step) / 2
    record.set("pairs", to: step * 8)
    record.set("time/ranks", to: ["forward": [0.2, 0.3], "communication": [0.2, 0.1]])
    return record.json.serialized() + "\n"
  }

  func append(steps: ClosedRange<Int>) throws { try append(steps.map(Self.line).joined()) }

  func append(_ text: String) throws {
    let handle = try FileHandle(forWritingTo: metrics)
    try handle.seekToEnd()
    try handle.write(contentsOf: Data(text.utf8))
    try handle.close()
  }

  /// Begins anew, in the same file or in one that takes its place.
  func restart(inPlace: Bool) throws {
    if inPlace { truncate(metrics.path, 0) } else { try Data().write(to: metrics, options: .atomic) }
  }

  func finish(steps: Int) throws { try append(RunTotals(steps: steps, seconds: 10).json.serialized() + "\n") }

  func write(_ activity: RunActivity) throws {
    try Data(activity.json.serialized().utf8).write(
      to: location.appendingPathComponent(RunActivity.fileName), options: .atomic)
  }
}

/// A folder of its own for a test.
func withFolder<Result: Sendable>(_ body: (URL) async throws -> Result) async throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("dashboard-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try await body(folder)
}
