import Foundation

/// Makes the command line of a script of MiniMind's one of the command that stands for it: its defaults and its files become options of this
/// program. What the user gave wins.
///
/// A run is MiniMind's when it names MiniMind's files (`--from_weight`, `--save_dir`, `--save_weight`, `--lora_name`), or neither a model
/// nor a folder for the result.
struct MiniMindCommandLine {
  private let script: MiniMindScript
  private let given: GivenOptions
  private let checkout: MiniMindCheckout

  /// The arguments of the command, completed where the run is MiniMind's.
  ///
  /// - Parameters:
  ///   - given: the options in the names of the command
  ///   - script: the one that the command stands for
  ///   - checkout: the folder that MiniMind's paths start from
  ///   - parse: parses arguments of the command, and throws what is wrong with them
  static func completed(
    _ given: GivenOptions, of script: MiniMindScript, checkout: MiniMindCheckout = MiniMindCheckout(),
    parse: ([String]) throws -> Void
  ) throws -> [String] {
    let isMiniMinds =
      given.has("from-weight", "save-dir", "save-weight", "lora-name") || !given.has("model", "output-dir")
    guard isMiniMinds else { return given.arguments }
    // Whatever is wrong with the options is said before a file is looked for.
    try parse(
      ["--model=?", "--output-dir=?"] + (given.has("train-data") ? [] : ["--train-data=?"]) + given.arguments)
    return try MiniMindCommandLine(script: script, given: given, checkout: checkout).completed()
  }

  private func completed() throws -> [String] {
    let folder = checkout.path(given.value("save-dir") ?? "../out")
    // What MiniMind's file names say of the model.
    let size = (given.value("hidden-size") ?? "768") + (given.value("use-moe") == "1" ? "_moe" : "")
    let name = given.value("save-weight") ?? script.result
    let source = given.value("from-weight") ?? script.start

    var front = script.defaults
    // The file decides its shape. Options of the shape that were given are checked against it; MiniMind's defaults are not.
    if !given.has("model") { front += ["--model", try weights(source, size: size, in: folder)] }
    if let tokenizer = checkout.tokenizer(besides: folder) { front += ["--tokenizer", tokenizer] }
    let run = folder + "/\(given.value("lora-name") ?? name)_\(size)_run"
    front += ["--output-dir", run] + intervals + resumption(ofRunIn: run)

    var after = ["--save-dir", folder, "--save-weight", name]
    if !given.has("model") { after += ["--from-weight", source] }
    let data = given.has("train-data") ? given.values("train-data") : [script.data]
    after += data.map { "--train-data=" + checkout.path($0) }
    var rest = given
    rest.options.removeAll { ["log-interval", "save-interval"].contains($0.spelling) || $0.name == "train-data" }
    return front + rest.arguments + after
  }

  /// MiniMind's script reads from `../out` whatever `--save_dir` says; what lies in that folder goes first here.
  private func weights(_ name: String, size: String, in folder: String) throws -> String {
    guard name != "none" else {
      throw Failure(
        .usage,
        "--from_weight none: \(script.start == "pretrain" ? "answers" : "preferences") are learned by a model that can speak already. "
          + "Name its weights; random ones for a trial come from: minimind-dpo init --shape minimind-3 --to "
          + "\(folder)/\(script.start)_768.pth")
    }
    let file = "\(name)_\(size).pth"
    var folders = [folder]
    let usual = checkout.path("../out")
    if usual != folder { folders.append(usual) }
    if let found = folders.map({ "\($0)/\(file)" }).first(where: checkout.exists) { return found }
    let there = folders.flatMap(checkout.weightFiles)
    throw Failure(
      .missingInput,
      "there is no \(folders.map { "\($0)/\(file)" }.joined(separator: " or ")), which --from_weight \(name) --hidden_size "
        + "\(size.prefix { $0 != "_" }) --use_moe \(size.hasSuffix("_moe") ? 1 : 0) stands for. "
        + (there.isEmpty
          ? "Run this in the folder trainer/ of a MiniMind checkout, or in the checkout itself; or name a model, the pairs and "
            + "a folder for the result: --model, --train-data, --output-dir."
          : "What is there: \(there.joined(separator: ", "))."))
  }

  /// MiniMind counts batches between two lines of its log and between two files; this program counts optimizer steps.
  private var intervals: [String] {
    let accumulated = given.value("gradient-accumulation-steps").flatMap { Int($0) } ?? 1
    func steps(_ name: String, usual: Int) -> String {
      let value = given.value(spelled: name) ?? "\(usual)"
      guard let batches = Int(value), batches > 0, accumulated > 0 else { return value }
      return "\(max(1, batches / accumulated))"
    }
    return [
      "--logging-steps", steps("log-interval", usual: script.logInterval),
      "--save-steps", steps("save-interval", usual: script.saveInterval),
    ]
  }

  /// As with MiniMind, a run replaces the one before it, unless it is to be resumed and can be.
  private func resumption(ofRunIn usual: String) -> [String] {
    if given.has("resume-from-checkpoint", "overwrite-output-dir") { return [] }
    let run = given.value("output-dir") ?? usual
    if given.value("from-resume") == "1", checkout.holdsCheckpoint(run) {
      return ["--resume-from-checkpoint", "auto"]
    }
    // A folder that was named may hold anything: what is in it is not replaced without being asked for.
    return run == usual ? ["--overwrite-output-dir"] : []
  }
}
