import Foundation
import OrderedJSON

/// A service that shows runs, which a Python package of its own speaks to.
public enum Tracker: String, Hashable, Sendable, CaseIterable {
  /// SwanLab, as MiniMind's scripts use it.
  case swanlab
  /// Weights & Biases.
  case wandb
  /// Trackio, Hugging Face's, on the same machine.
  case trackio
}

/// What a run is called where it is tracked.
public struct TrackedRun: Hashable, Sendable {
  /// The project; nil for what the tracker's own variable names, or `minimind-dpo`.
  public var project: String?
  /// The name; nil for what the tracker's own variable names, or the name of the folder.
  public var name: String?
  /// The options of the run.
  public var options: JSON

  /// A run.
  public init(project: String? = nil, name: String? = nil, options: JSON = .object([:])) {
    (self.project, self.name, self.options) = (project, name, options)
  }
}

/// Who hears of the records of a run besides its own files.
public struct MetricsAudience: Hashable, Sendable {
  /// The trackers that get all numbers.
  public var trackers: [Tracker]
  /// The Python that has their packages: a path, or a name on the `PATH`.
  public var python: String
  /// What trackers call the run.
  public var run: TrackedRun
  /// A command of the shell that gets every record as a line; nil for none.
  public var command: String?

  /// An audience; by default nobody.
  public init(
    trackers: [Tracker] = [], python: String = "python3", run: TrackedRun = TrackedRun(), command: String? = nil
  ) {
    (self.trackers, self.python, self.run, self.command) = (trackers, python, run, command)
  }
}
