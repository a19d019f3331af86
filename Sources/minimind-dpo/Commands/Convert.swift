import ArgumentParser
import Files
import Foundation
import MiniMind
import Observability
import Torch
import Training

/// `convert`: between MiniMind's weight files and Hugging Face folders.
struct Convert: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Converts a model: MiniMind .pth to a Hugging Face folder, or back.",
    discussion: """
      minimind-dpo convert --model out/full_sft_768.pth --tokenizer model --to minimind-3
      minimind-dpo convert --model minimind-3 --to out/full_sft_768.pth
      """)

  @Option(help: ArgumentHelp("A Hugging Face folder, or a .pth, .bin or .safetensors file.", valueName: "path"))
  var model: String
  @Option(help: ArgumentHelp("The folder whose tokenizer files go into a folder that is written.", valueName: "folder"))
  var tokenizer: String?
  @OptionGroup(title: "Shape") var shape: ShapeArguments
  @Option(help: ArgumentHelp("What to write: a path that ends in .pth, or else a folder.", valueName: "path"))
  var to: String
  @Option(help: "Type of the weights; without, float16 for .pth as MiniMind has it, float32 for a folder.")
  var dtype: DType?
  @Flag(help: "Replace what is there.")
  var overwrite = false
  @OptionGroup var config: ConfigArguments

  func run() throws {
    Output.holds(.remarks)
    let source = URL(fileURLWithPath: model)
    let destination = URL(fileURLWithPath: to)
    let isFile = destination.pathExtension == "pth"
    let marker = isFile ? destination : destination.appendingPathComponent("model.safetensors")
    guard overwrite || !FileManager.default.fileExists(atPath: marker.path) else {
      throw Failure(.cannotWrite, "\(marker.path) is there already; --overwrite replaces it.")
    }
    let loaded = try CausalLM.pretrained(source, shape: shape.known)
    if isFile {
      try ModelFiles.writeTorchFile(loaded, to: destination, dtype: dtype ?? .float16)
    } else {
      try makeFolder(destination)
      try ModelFiles.writeFolder(
        loaded, to: destination, tokenizer: URL(fileURLWithPath: tokenizer ?? model, isDirectory: true),
        dtype: dtype ?? .float32)
      if !FileManager.default.fileExists(atPath: destination.appendingPathComponent("tokenizer.json").path) {
        Console.standardError.print(
          "note: no tokenizer.json was found to go with it; name its folder with --tokenizer.")
      }
    }
    Output.line(to)
  }
}
