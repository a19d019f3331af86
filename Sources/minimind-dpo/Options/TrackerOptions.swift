import ArgumentParser
import Observability

/// Who hears of the numbers of a run besides its folder.
struct TrackerArguments: ParsableArguments {
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      """
      Where the numbers of the run are shown: tensorboard, swanlab, wandb, trackio or none, several of them with spaces or \
      commas between. The last three are sent by their Python packages from a process of their own, which never stops the run. \
      (default: tensorboard)
      """, valueName: "names"))
  var reportTo: [ReportTargets] = []

  @Option(
    help: ArgumentHelp(
      "The Python that has the packages of --report-to: a path, or a name on the PATH.", valueName: "python"))
  var trackerPython = "python3"

  @Option(
    help: ArgumentHelp("What --report-to calls the run. (default: the name of --output-dir)", valueName: "name"))
  var runName: String?

  @Option(
    help: ArgumentHelp(
      "The project of the run for --report-to. (default: what WANDB_PROJECT and the like name, else minimind-dpo)",
      valueName: "name"))
  var project: String?

  @Option(
    help: ArgumentHelp(
      "A command that gets every record of the run as a line of JSON on its standard input, while the run goes on.",
      valueName: "command"))
  var onMetrics: String?

  func validate() throws {
    if targets.contains(.none), targets.count > 1 {
      throw ValidationError("--report-to none and other names contradict each other.")
    }
    if let onMetrics, onMetrics.allSatisfy(\.isWhitespace) { throw ValidationError("--on-metrics: no command given.") }
  }

  private var targets: Set<ReportTarget> { Set(reportTo.flatMap(\.names)) }

  /// Whether TensorBoard's events are written.
  var writesTensorBoard: Bool { reportTo.isEmpty || targets.contains(.tensorboard) }

  /// The trackers that are told.
  var trackers: [Tracker] {
    Tracker.allCases.filter { tracker in targets.contains { $0.tracker == tracker } }
  }

  /// The options with their values, for `config.yaml`.
  var settings: [(name: String, value: (any CustomStringConvertible)?)] {
    [
      ("report-to", reportTo.isEmpty ? nil : reportTo.flatMap(\.names).map(\.rawValue)),
      ("tracker-python", trackerPython == "python3" ? nil : trackerPython), ("run-name", runName),
      ("project", project), ("on-metrics", onMetrics),
    ]
  }
}

/// One of the places that `--report-to` may name.
enum ReportTarget: String, CaseIterable {
  case tensorboard, swanlab, wandb, trackio, none

  var tracker: Tracker? { Tracker(rawValue: rawValue) }
}

/// A word of `--report-to`: a name, or several with commas between.
struct ReportTargets: ExpressibleByArgument {
  let names: [ReportTarget]

  init?(argument: String) {
    let words = argument.lowercased().split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    names = words.compactMap(ReportTarget.init)
    if names.isEmpty || names.count != words.count { return nil }
  }

  static var allValueStrings: [String] { ReportTarget.allCases.map(\.rawValue) }
}
