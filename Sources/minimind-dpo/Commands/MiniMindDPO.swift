import ArgumentParser
import Foundation
import Launcher
import Logging
import Observability
import Torch

/// The program: its subcommands, and what happens around all of them.
@main
struct MiniMindDPO: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "minimind-dpo",
    abstract: "Tunes MiniMind and other small language models, and aligns them with human preferences (DPO).",
    discussion: """
      A first run, with a model folder or a MiniMind .pth and a file of preference pairs:
        minimind-dpo train --model ./minimind-3 --train-data dpo.jsonl --output-dir out
      Without a model of your own: minimind-dpo demo
      Options may be spelled with dashes or underscores, and be kept in a file: --config run.yaml
      Your shell completes them, and man shows them, after: minimind-dpo help completions
      """,
    version: Version.text,
    subcommands: [
      Train.self, SupervisedFineTuning.self, Sweep.self, Launch.self, Evaluate.self, InspectData.self, MakePairs.self,
      Convert.self,
      Generate.self, Chat.self, Serve.self,
      Initialize.self,
      Report.self, WatchRuns.self, Bench.self, Demo.self, Doctor.self, Completions.self,
    ])

  static var _errorPrefix: String { "error: " }

  /// Parses, runs, and turns whatever goes wrong into a message on standard error and an exit code.
  static func main() {
    StandardStreams.fill()
    StandardStreams.ignoreSignalsOfWriting()
    Runtime.quietLog()
    MessageLanguage.current = MessageLanguage(environment: ProcessInfo.processInfo.environment)
    LoggingSystem.bootstrap { _ in ThisProcess.logHandler() }
    do {
      try run(Array(CommandLine.arguments.dropFirst()))
    } catch {
      let failure = Failure(error)
      // What the parser threw, which includes requests for help, it prints itself.
      guard failure.isUnclassified, exitCode(for: error) != .failure else { failure.exit() }
      // All processes of a job were started with the same words: the first one answers.
      if exitCode(for: error) == .validationFailure, ThisProcess.isOneOfOthers { Foundation.exit(EX_USAGE) }
      exit(withError: error)
    }
  }

  private static func run(_ arguments: [String]) throws {
    if arguments.first == Launch._commandName { try Launch.start(Array(arguments.dropFirst())) }
    if arguments.first == "help", arguments.dropFirst().first == Launch._commandName { try Launch.start(["--help"]) }
    // `doctor --nproc-per-node N` starts its processes itself, when it comes to them.
    if arguments.first != Doctor._commandName, let (launch, worker) = LaunchOptions.extracting(from: arguments) {
      try Launch.start(launch + worker)
    }
    var command = try parsed(arguments)
    try command.run()
  }

  /// The command that arguments name, with its options.
  ///
  /// - Throws: what is wrong with them, before anything is read but `--config` files
  static func parsed(_ arguments: [String]) throws -> any ParsableCommand {
    let prepared = try CommandLineArguments.prepared(arguments, for: configuration.subcommands) {
      _ = try parseAsRoot($0)
    }
    if let name = prepared.first, let command = configuration.subcommands.first(where: { $0._commandName == name }) {
      try NumberBounds.check(Array(prepared.dropFirst()), of: OptionCatalog(command))
    }
    return try parseAsRoot(prepared)
  }
}
