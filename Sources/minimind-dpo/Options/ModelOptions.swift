import ArgumentParser
import Foundation
import MiniMind
import Torch

/// Where the model and its tokenizer are.
struct ModelArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The model: a Hugging Face folder, or a MiniMind weight file such as out/full_sft_768.pth.", valueName: "path"))
  var model: String

  @Option(
    help: ArgumentHelp(
      "The folder with tokenizer.json and tokenizer_config.json; without, the model's own folder.", valueName: "folder")
  )
  var tokenizer: String?

  @Option(
    name: [.long, .customLong("adapter-name-or-path")],
    help: ArgumentHelp(
      "An adapter of the model (LoRA): a folder that PEFT or train has written, or MiniMind's LoRA file.",
      valueName: "path"))
  var adapter: String?
}

/// The same where a model is found if none is named.
struct ChosenModelArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      The model: a Hugging Face folder, or a MiniMind weight file such as out/full_sft_768.pth. (default: the newest \
      out/dpo_*.pth of a MiniMind checkout)
      """, valueName: "path"))
  var model: String?

  @Option(
    help: ArgumentHelp(
      "The folder with tokenizer.json and tokenizer_config.json; without, the model's own folder.", valueName: "folder")
  )
  var tokenizer: String?

  @Option(
    name: [.long, .customLong("adapter-name-or-path")],
    help: ArgumentHelp(
      "An adapter of the model (LoRA): a folder that PEFT or train has written, or MiniMind's LoRA file.",
      valueName: "path"))
  var adapter: String?
}

/// What a bare weight file does not tell of its model; the rest is read off the tensors, and checked where it is named.
struct ShapeArguments: ParsableArguments {
  @Option(help: ArgumentHelp("Width of the model, to check a weight file against.", valueName: "size"))
  var hiddenSize: Int?
  @Option(help: ArgumentHelp("Number of layers, to check a weight file against.", valueName: "count"))
  var numHiddenLayers: Int?
  @Option(
    help: ArgumentHelp(
      "Query heads of a weight file without QK-norm, where they are not MiniMind's 8.", valueName: "count"))
  var numAttentionHeads: Int?
  @Flag(help: "The weight file's model scales its rotation for long contexts, as MiniMind's switch of this name does.")
  var inferenceRopeScaling = false

  func validate() throws {
    for value in [hiddenSize, numHiddenLayers, numAttentionHeads] {
      if let value, value < 1 {
        throw ValidationError("--hidden-size, --num-hidden-layers and --num-attention-heads must be at least 1.")
      }
    }
  }

  var known: KnownShape {
    var shape = KnownShape()
    shape.hiddenSize = hiddenSize
    shape.layerCount = numHiddenLayers
    shape.headCount = numAttentionHeads
    shape.scalesRotation = inferenceRopeScaling
    return shape
  }
}

/// Where and how fast to compute.
struct DeviceArguments: ParsableArguments {
  @Option(help: "Where to compute: auto, cpu or cuda; MiniMind's cuda:0 is taken as cuda.")
  var device = DeviceChoice.auto

  @Option(
    help: ArgumentHelp(
      """
      Compute dtype, the type of matmuls: fp32, bf16, fp16, or auto (bf16 on GPUs that have it, else fp32). Weights, sums and the \
      optimizer stay in float32.
      """))
  var precision = PrecisionChoice.auto
  @Flag(help: "The same as --precision bf16.")
  var bf16 = false
  @Flag(help: "The same as --precision fp16; the loss is scaled so that gradients stay within its range.")
  var fp16 = false
  @Flag(help: "Let GPUs round the factors of float32 products to 10 bits, which is faster.")
  var tf32 = false
  @Flag(
    help: """
      Launch every kernel by itself, instead of recording what a GPU computes over a size of micro-batch and replaying it.
      """)
  var noCudaGraphs = false

  @Option(help: ArgumentHelp("CPU threads; without, all cores this process may use.", valueName: "count"))
  var threads: Int?

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads must be at least 1.") }
    let most = 16 * max(4, ProcessInfo.processInfo.processorCount)
    if let threads, threads > most {
      throw ValidationError(
        "--threads \(threads): at most \(most) on this machine; more threads than cores gain nothing.")
    }
    if [bf16, fp16, precision != .auto].count(where: \.self) > 1 {
      throw ValidationError("--precision, --bf16 and --fp16 say the same: give one of them.")
    }
  }

  /// Takes the threads, for commands that compute on the CPU whatever there is.
  func prepare() throws {
    if device == .cuda {
      throw Failure(.unavailable, "--device cuda: this command computes on the CPU only. Use --device cpu.")
    }
    if let threads { Runtime.threadCount = threads }
  }
}

/// What `--precision` may name.
enum PrecisionChoice: String, ExpressibleByArgument, CaseIterable {
  case auto, fp32, bf16, fp16
}

/// What `--device` may name.
enum DeviceChoice: String, ExpressibleByArgument, CaseIterable {
  case auto, cpu, cuda

  /// MiniMind writes `cuda:0`. No process is tied to a number: each takes the device of its local rank among the visible
  /// ones, and `CUDA_VISIBLE_DEVICES` decides which those are.
  init?(argument: String) {
    let isNumbered = argument.hasPrefix("cuda:") && Int(argument.dropFirst("cuda:".count)) != nil
    self.init(rawValue: isNumbered ? "cuda" : argument)
  }
}

extension DType: ExpressibleByArgument {
  /// The types that weights may be saved in.
  public static var allValueStrings: [String] { ["float32", "bfloat16", "float16"] }

  /// Only those.
  public init?(argument: String) {
    guard Self.allValueStrings.contains(argument) else { return nil }
    self.init(rawValue: argument)
  }
}
