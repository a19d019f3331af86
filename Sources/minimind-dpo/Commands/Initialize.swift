import ArgumentParser
import Files
import Foundation
import MiniMind
import Observability
import OrderedJSON
import Torch

/// `init`: a randomly initialised model.
struct Initialize: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Makes a randomly initialised model of a named shape or of a config.json.",
    discussion: """
      minimind-dpo init --shape minimind-3 --to out/full_sft_768.pth
      minimind-dpo init --shape tiny --num-hidden-layers 4 --tokenizer model --to tiny

      Sizes change what the shape or the config.json says; a width of the feed-forward network that is not given follows \
      --hidden-size as in MiniMind.
      """)

  @Option(
    help: """
      A shape of MiniMind's: minimind-3 (64 M), minimind-3-moe (198 M, 64 M active), minimind2 (104 M), minimind2-small (26 M), or \
      tiny, minimind-3 with two layers of width 128 (1.2 M), for trials.
      """)
  var shape: NamedShape?
  @Option(help: ArgumentHelp("A config.json, or a folder that holds one.", valueName: "path"))
  var modelConfig: String?
  @Option(help: ArgumentHelp("The folder whose tokenizer files go with the model.", valueName: "folder"))
  var tokenizer: String?
  @Option(help: ArgumentHelp("What to write: a path that ends in .pth, or else a folder.", valueName: "path"))
  var to: String
  @Option(help: ArgumentHelp("Seed of the weights.", valueName: "number"))
  var seed: UInt64 = 42
  @Option(help: "Type of the weights; without, float16 for .pth as MiniMind has it, float32 for a folder.")
  var dtype: DType?
  @Flag(help: "Replace what is there.")
  var overwrite = false
  @OptionGroup(title: "Sizes, by their names in config.json") var sizes: SizeArguments
  @OptionGroup var config: ConfigArguments

  func validate() throws {
    guard (shape == nil) != (modelConfig == nil) else {
      throw ValidationError("Name either --shape or --model-config.")
    }
  }

  func run() throws {
    Output.holds(.remarks)
    let model = try CausalLM(try configuration())
    try model.initializeRandomly(seed: seed)
    let destination = URL(fileURLWithPath: to)
    if destination.pathExtension == "pth" {
      guard overwrite || !FileManager.default.fileExists(atPath: to) else { throw inTheWay(to) }
      try ModelFiles.writeTorchFile(model, to: destination, dtype: dtype ?? .float16)
    } else {
      let weights = destination.appendingPathComponent("model.safetensors").path
      guard overwrite || !FileManager.default.fileExists(atPath: weights) else { throw inTheWay(weights) }
      try makeFolder(destination)
      try ModelFiles.writeFolder(
        model, to: destination, tokenizer: tokenizer.map { URL(fileURLWithPath: $0, isDirectory: true) },
        dtype: dtype ?? .float32)
    }
    Console.standardError.print(
      "\(HumanText.grouped(model.configuration.parameterCount)) parameters, drawn with seed \(seed)")
    Output.line(to)
  }

  private func configuration() throws -> ModelConfiguration {
    if let shape {
      return try ModelConfiguration(sizes.applied(to: shape.json, givenShape: shape), file: "--shape \(shape.rawValue)")
    }
    let given = URL(fileURLWithPath: modelConfig ?? "")
    let inside = given.appendingPathComponent("config.json")
    let file = FileManager.default.fileExists(atPath: inside.path) ? inside : given
    guard FileManager.default.fileExists(atPath: file.path) else {
      throw Failure(.missingInput, "--model-config \(file.path): no such file.")
    }
    let read = try ModelConfiguration(contentsOf: file)
    return try ModelConfiguration(sizes.applied(to: read.source, givenShape: nil), file: file.path)
  }

  private func inTheWay(_ path: String) -> Failure {
    Failure(.cannotWrite, "\(path) is there already; --overwrite replaces it.")
  }
}
