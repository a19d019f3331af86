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
    abstract:
      "Converts a model: MiniMind .pth, Hugging Face folder, GGUF for llama.cpp and Ollama; merges adapters and splits them off.",
    discussion: """
      minimind-dpo convert --model out/full_sft_768.pth --tokenizer model --to minimind-3
      minimind-dpo convert --model minimind-3 --to out/full_sft_768.pth
      minimind-dpo convert --model minimind-3 --to minimind-3.gguf --dtype q8_0
      minimind-dpo convert --model minimind-3 --adapter run --merge --to merged
      minimind-dpo convert --model minimind-3 --adapter run --to out/lora_run_768.pth
      minimind-dpo convert --model merged --base minimind-3 --lora-r 16 --to adapter

      An adapter without --merge becomes MiniMind's LoRA file, or PEFT's folder; in a GGUF file it is always merged. Beside a \
      GGUF file a Modelfile is written: ollama create NAME -f Modelfile.
      """)

  @Option(help: ArgumentHelp("A Hugging Face folder, or a .pth, .bin or .safetensors file.", valueName: "path"))
  var model: String
  @Option(
    help: ArgumentHelp(
      "The folder whose tokenizer goes with what is written. (default: the model's own, or model/ of a MiniMind checkout)",
      valueName: "folder"))
  var tokenizer: String?
  @OptionGroup(title: "Shape") var shape: ShapeArguments
  @Option(help: ArgumentHelp("What to write: a path that ends in .pth or .gguf, or else a folder.", valueName: "path"))
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
  @Option(
    help: """
      Type of the weights: float32 (f32), bfloat16, float16 (f16), and in a GGUF file q8_0. Without, float16 for .pth as MiniMind \
      has it, else float32.
      """)
  var dtype: ConvertedType?
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
    if writesGGUF, base != nil {
      throw ValidationError("--base splits an adapter off, which a GGUF file does not hold.")
    }
    if writesGGUF, dtype == .bfloat16 {
      throw ValidationError("--dtype bfloat16: a GGUF file is written in f32, f16 or q8_0.")
    }
    if !writesGGUF, dtype == .q8_0 { throw ValidationError("--dtype q8_0 is for --to FILE.gguf.") }
  }

  private var writesGGUF: Bool { URL(fileURLWithPath: to).pathExtension == "gguf" }

  func run() throws {
    Output.holds(.remarks)
    let destination = URL(fileURLWithPath: to)
    let isFile = ["pth", "gguf"].contains(destination.pathExtension)
    let writesAdapter = base != nil || (adapter != nil && !merge && !writesGGUF)
    let name = writesAdapter ? AdapterFiles.names[1] : "model.safetensors"
    let marker = isFile ? destination : destination.appendingPathComponent(name)
    guard overwrite || !FileManager.default.fileExists(atPath: marker.path) else {
      throw Failure(.cannotWrite, "\(marker.path) is there already; --overwrite replaces it.")
    }
    let loaded = try self.loaded()
    if writesGGUF {
      try writeGGUF(loaded, to: destination)
      return Output.line(to)
    }
    let type = dtype?.stored ?? (isFile ? .float16 : .float32)
    try loaded.requireSavable(to: to, dtype: type, adapterOnly: writesAdapter)
    if let written = loaded.adapter, writesAdapter {
      try write(written, of: loaded, to: destination, isFile: isFile, dtype: type)
    } else if isFile {
      try ModelFiles.writeTorchFile(loaded, to: destination, dtype: type)
    } else {
      try makeFolder(destination)
      try ModelFiles.writeFolder(
        loaded, to: destination, tokenizer: try? source.tokenizerFolder, dtype: type)
      if !FileManager.default.fileExists(atPath: destination.appendingPathComponent("tokenizer.json").path) {
        Console.standardError.print(
          "note: no tokenizer.json was found to go with it; name its folder with --tokenizer.")
      }
    }
    Output.line(to)
  }

  private func writeGGUF(_ loaded: CausalLM, to destination: URL) throws {
    try loaded.requireSavable(to: to, dtype: dtype?.stored ?? .float32)
    let encoding: GGUFEncoding = dtype == .q8_0 ? .q8_0 : dtype == .float16 ? .float16 : .float32
    let (modelfile, remarks) = try GGUFExport(
      model: loaded, tokenizer: source.tokenizerFolder, encoding: encoding, destination: destination
    ).write()
    for remark in remarks { Console.standardError.print("note: \(remark).") }
    Console.standardError.print(
      "for Ollama: ollama create \(destination.deletingPathExtension().lastPathComponent) -f \(modelfile.relativePath)")
  }

  private var source: ModelSource {
    ModelSource(path: base ?? model, adapter: adapter, tokenizer: tokenizer, shape: shape.known)
  }

  /// The model, with an adapter where one is named or split off.
  private func loaded() throws -> CausalLM {
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

/// What `--dtype` of `convert` may name.
enum ConvertedType: String, ExpressibleByArgument, CaseIterable {
  case float32, bfloat16, float16
  case q8_0

  /// Also by the short names of llama.cpp.
  init?(argument: String) {
    let short = ["f32": "float32", "fp32": "float32", "f16": "float16", "fp16": "float16", "bf16": "bfloat16"]
    self.init(rawValue: short[argument.lowercased()] ?? argument.lowercased())
  }

  /// The type of tensors that is meant; nil for one that only GGUF files have.
  var stored: DType? { DType(rawValue: rawValue) }
}
