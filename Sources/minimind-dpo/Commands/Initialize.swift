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
    commandName: "init", abstract: "Makes a randomly initialised model of a named shape or of a config.json.")

  @Option(
    help:
      "A shape of MiniMind's: minimind-3 (64 M), minimind-3-moe (198 M, 64 M active), minimind2 (104 M), minimind2-small (26 M)."
  )
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
    if let shape { return try ModelConfiguration(shape.json) }
    let given = URL(fileURLWithPath: modelConfig ?? "")
    let inside = given.appendingPathComponent("config.json")
    let file = FileManager.default.fileExists(atPath: inside.path) ? inside : given
    guard FileManager.default.fileExists(atPath: file.path) else {
      throw Failure(.missingInput, "--model-config \(file.path): no such file.")
    }
    return try ModelConfiguration(contentsOf: file)
  }

  private func inTheWay(_ path: String) -> Failure {
    Failure(.cannotWrite, "\(path) is there already; --overwrite replaces it.")
  }
}

/// The shapes of MiniMind's releases.
enum NamedShape: String, ExpressibleByArgument, CaseIterable {
  case miniMind3 = "minimind-3"
  case miniMind3MoE = "minimind-3-moe"
  case miniMind2 = "minimind2"
  case miniMind2Small = "minimind2-small"

  /// The `config.json` that `transformers` loads.
  var json: JSON {
    let hidden = self == .miniMind2Small ? 512 : 768
    let isThird = self == .miniMind3 || self == .miniMind3MoE
    let width =
      isThird
      ? ModelConfiguration.miniMind3IntermediateSize(hidden: hidden)
      : ModelConfiguration.miniMind2IntermediateSize(hidden: hidden)
    let experts = self == .miniMind3MoE ? ExpertConfiguration.miniMind(intermediateSize: width) : nil
    let (type, architecture) =
      experts != nil
      ? ("qwen3_moe", "Qwen3MoeForCausalLM") : isThird ? ("qwen3", "Qwen3ForCausalLM") : ("llama", "LlamaForCausalLM")
    var json: JSON.Object = [
      "architectures": [.string(architecture)], "model_type": .string(type),
      "vocab_size": 6400, "hidden_size": .integer(hidden), "intermediate_size": .integer(width),
      "num_hidden_layers": .integer(self == .miniMind2 ? 16 : 8), "num_attention_heads": 8,
      "num_key_value_heads": .integer(isThird ? 4 : 2), "head_dim": .integer(hidden / 8), "hidden_act": "silu",
      "rms_norm_eps": .number(isThird ? 1e-6 : 1e-5), "rope_theta": .number(1_000_000),
      "max_position_embeddings": 32768, "tie_word_embeddings": true, "attention_bias": false, "bos_token_id": 1,
      "eos_token_id": 2,
    ]
    for (key, value) in experts?.huggingFaceKeys ?? [:] { json[key] = value }
    return .object(json)
  }
}
