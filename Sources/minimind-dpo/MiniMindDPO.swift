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
    abstract: "Aligns MiniMind and other small language models with human preferences (DPO).",
    discussion: """
      A first run, with a model folder or a MiniMind .pth and a file of preference pairs:
        minimind-dpo train --model ./minimind-3 --train-data dpo.jsonl --output-dir out
      Without a model of your own: minimind-dpo demo
      Options may be spelled with dashes or underscores, and be kept in a file: --config run.yaml
      """,
    version: Version.text,
    subcommands: [
      Train.self, Launch.self, Evaluate.self, InspectData.self, Convert.self, Generate.self, Chat.self, Initialize.self,
      Report.self, Bench.self, Demo.self, Doctor.self,
    ])

  /// Parses, runs, and turns whatever goes wrong into a message on stderr and the exit code that design and README name.
  static func main() {
    Runtime.quietLog()
    LoggingSystem.bootstrap { _ in ThisProcess.logHandler() }
    do {
      let arguments = Array(CommandLine.arguments.dropFirst())
      // `doctor --nproc-per-node N` starts its processes itself, when it comes to them.
      if arguments.first != Doctor._commandName, let (launch, worker) = LaunchOptions.extracting(from: arguments) {
        try Launch.start(launch + worker)
      }
      var command = try parseAsRoot(try CommandLineArguments.prepared(arguments))
      try command.run()
    } catch {
      Failure(error).exit()
    }
  }
}

/// What `--version` prints, and what runs record.
enum Version {
  static let number = "0.1.0"
  static var text: String { "minimind-dpo \(number)" }
}
