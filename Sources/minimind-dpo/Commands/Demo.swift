import ArgumentParser
import Foundation
import MiniMind
import Observability
import OrderedJSON

/// `demo`: a whole run on the small model and pairs that ship with the project.
struct Demo: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Trains a small model that ships with the project, on two processes, and shows the outcome.",
    discussion: """
      The model answers simple questions in English and Chinese, as often rudely as politely. The pairs prefer the polite
      answers; after DPO it gives those, also to questions it was not trained on.
      """)

  @Option(help: ArgumentHelp("Folder for all that the run leaves; replaced when it holds a demo.", valueName: "folder"))
  var outputDir = "demo-output"
  @Option(help: ArgumentHelp("The demo's files; without, the Demo folder of the checkout.", valueName: "folder"))
  var assets: String?
  @OptionGroup var config: ConfigArguments

  func run() throws {
    Output.holds(.remarks)
    let folder = try assetsFolder
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    let prompts = try PromptFile(contentsOf: path("prompts.jsonl"))
    let options = try GenerationArguments.parse(["--max-new-tokens", "80"])

    Output.line("Before training, the model answers:\n")
    let before = try answers(of: folder, to: prompts, options: options)
    for (request, answer) in zip(prompts.requests, before) { Output.line(Self.dialogue(request, answer)) }

    let code =
      try LaunchedJob(
        [
          "--nproc-per-node", "2", "train", "--config", path("demo.yaml"), "--model", folder.path, "--train-data",
          path("train.jsonl"), "--eval-data", path("eval.jsonl"), "--output-dir", outputDir, "--overwrite-output-dir",
          // A model this small gains nothing from a second thread, and on a busy machine would wait for it.
          "--threads", "1",
        ])?.run() ?? EX_SOFTWARE
    guard code == 0 else {
      throw Failure(
        Failure.Code(rawValue: code) ?? .internal, "the demo's training ended with exit code \(code); see above.")
    }

    Output.line("\nAfter training, it answers:\n")
    let trained = URL(fileURLWithPath: outputDir, isDirectory: true)
    let after = try answers(of: trained, to: prompts, options: options)
    for (request, answer) in zip(prompts.requests, after) { Output.line(Self.dialogue(request, answer)) }
    try printOutcome(trained)
  }

  private func answers(of model: URL, to prompts: PromptFile, options: GenerationArguments) throws -> [String] {
    let speaker = try Speaker(CausalLM.pretrained(model), tokenizerFolder: model)
    return try prompts.requests.map { try speaker.answer($0.messages, options: options) }
  }

  private static func dialogue(_ request: PromptFile.Request, _ answer: String) -> String {
    let said = request.messages.map { "  \($0["role"]?.string ?? "?"): \($0["content"]?.string ?? "")" }
    return (said + ["  → \(answer)", ""]).joined(separator: "\n")
  }

  /// The numbers that tell whether it worked.
  private func printOutcome(_ run: URL) throws {
    let log = try MetricsLog(contentsOf: run.appendingPathComponent("metrics.jsonl"))
    let preferred = log.series("eval_logps/accuracies").map(\.value)
    let accuracies = log.series("eval_rewards/accuracies").map(\.value)
    guard let first = preferred.first, let last = preferred.last, let accuracy = accuracies.last else { return }
    Output.line(
      """
      Of the held-out pairs, the model found the polite answer the likelier one in \(HumanText.percent(first)) before and in \
      \(HumanText.percent(last)) after training; the reward accuracy is now \(HumanText.percent(accuracy)).
      Look at the curves in \(outputDir)/report.html, and talk with the result:
        .build/release/minimind-dpo chat --model \(outputDir)
      """)
  }

  /// `Demo` beside the program, or in a folder above it (the checkout it was built in), or here.
  private var assetsFolder: URL {
    get throws {
      if let assets { return URL(fileURLWithPath: assets, isDirectory: true) }
      var folder = Program.location
      var candidates = [URL(fileURLWithPath: FileManager.default.currentDirectoryPath, isDirectory: true)]
      while folder.path != "/" {
        folder.deleteLastPathComponent()
        candidates.append(folder)
      }
      for candidate in candidates.map({ $0.appendingPathComponent("Demo", isDirectory: true) })
      where FileManager.default.fileExists(atPath: candidate.appendingPathComponent("demo.yaml").path) {
        return candidate
      }
      throw Failure(
        .missingInput, "the demo's files were not found; name the folder Demo of the checkout with --assets.")
    }
  }
}
