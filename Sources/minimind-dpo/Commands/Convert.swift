import ArgumentParser
import Files
import Foundation
import MiniMind
import Observability
import Torch
import Training

/// `convert`: between MiniMind's weight files and Hugging Face folders, and between models and adapters.
struct Convert: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Converts a model: MiniMind .pth to a Hugging Face folder, or back; merges adapters and splits them off.",
    discussion: """
      minimind-dpo convert --model out/full_sft_768.pth --tokenizer model --to minimind-3
      minimind-dpo convert --model minimind-3 --to out/full_sft_768.pth
      minimind-dpo convert --model minimind-3 --adapter run --merge --to merged
      minimind-dpo convert --model minimind-3 --adapter run --to out/lora_run_768.pth
      minimind-dpo convert --model merged --base minimind-3 --lora-r 16 --to adapter

      An adapter without --merge becomes MiniMind's LoRA file, or PEFT's folder.
      """)

  @Option(help: ArgumentHelp("A Hugging Face folder, or a .pth, .bin or .safetensors file.", valueName: "path"))
  var model: String
  @Option(help: ArgumentHelp("The folder whose tokenizer files go into a folder that is written.", valueName: "folder"))
  var tokenizer: String?
  @OptionGroup(title: "Shape") var shape: ShapeArguments
  @Option(help: ArgumentHelp("What to write: a path that ends in .pth, or else a folder.", valueName: "path"))
  var to: String
  @Option(help: ArgumentHelp("An adapter of the model (LoRA), to be merged or converted itself.", valueName: "path"))
  var adapter: String?
  @Flag(help: "Put the adapter into the weights of the model.")
  var merge = false
  @Option(
    help: ArgumentHelp(
      "The model that --model was trained from: their difference is written as an adapter.", valueName: "path"))
  var base: String?
  @Option(help: ArgumentHelp("With --base: the rank of the adapter. (default: 16)", valueName: "rank"))
  var loraR: Int?
  @Option(help: "Type of the weights; without, float16 for .pth as MiniMind has it, float32 for a folder.")
  var dtype: DType?
  @Flag(help: "Replace what is there.")
  var overwrite = false
  @OptionGroup var config: ConfigArguments

  func validate() throws {
    if merge, adapter == nil { throw ValidationError("--merge: name the adapter to merge with --adapter.") }
    if base != nil, adapter != nil {
      throw ValidationError("--base splits an adapter off, and --adapter brings one: leave one of them out.")
    }
    if loraR != nil, base == nil { throw ValidationError("--lora-r is the rank of what --base splits off.") }
    if let loraR, loraR < 1 { throw ValidationError("--lora-r must be at least 1.") }
  }

  func run() throws {
    Output.holds(.remarks)
    let destination = URL(fileURLWithPath: to)
    let isFile = destination.pathExtension == "pth"
    let writesAdapter = base != nil || (adapter != nil && !merge)
    let name = writesAdapter ? AdapterFiles.names[1] : "model.safetensors"
    let marker = isFile ? destination : destination.appendingPathComponent(name)
    guard overwrite || !FileManager.default.fileExists(atPath: marker.path) else {
      throw Failure(.cannotWrite, "\(marker.path) is there already; --overwrite replaces it.")
    }
    let loaded = try self.loaded()
    let type = dtype ?? (isFile ? .float16 : .float32)
    try loaded.requireSavable(to: to, dtype: type, adapterOnly: writesAdapter)
    if let written = loaded.adapter, writesAdapter {
      try write(written, of: loaded, to: destination, isFile: isFile, dtype: type)
    } else if isFile {
      try ModelFiles.writeTorchFile(loaded, to: destination, dtype: type)
    } else {
      try makeFolder(destination)
      try ModelFiles.writeFolder(
        loaded, to: destination, tokenizer: URL(fileURLWithPath: tokenizer ?? model, isDirectory: true), dtype: type)
      if !FileManager.default.fileExists(atPath: destination.appendingPathComponent("tokenizer.json").path) {
        Console.standardError.print(
          "note: no tokenizer.json was found to go with it; name its folder with --tokenizer.")
      }
    }
    Output.line(to)
  }

  /// The model, with an adapter where one is named or split off.
  private func loaded() throws -> CausalLM {
    let source = ModelSource(path: base ?? model, adapter: adapter, tokenizer: nil, shape: shape.known)
    let loaded = try source.load()
    if base != nil {
      let left = try loaded.splitOff(source.load(model), rank: loraR ?? 16)
      Console.standardError.print(
        "note: an adapter of rank \(loraR ?? 16) holds all but \(HumanText.percent(left)) of what the models differ by."
      )
    }
    return loaded
  }

  private func write(
    _ written: Adapter, of loaded: CausalLM, to destination: URL, isFile: Bool, dtype: DType
  ) throws {
    guard !isFile else {
      return try AdapterFiles.writeMiniMind(written, of: loaded, to: destination, dtype: dtype)
    }
    if written.configuration.basePath == nil { written.configuration.basePath = base ?? model }
    try makeFolder(destination)
    try AdapterFiles.writeFolder(
      written, of: loaded, to: destination, tokenizer: tokenizer.map { URL(fileURLWithPath: $0, isDirectory: true) },
      dtype: dtype)
  }
}
