import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("Adapters of low rank, from training to answers")
struct AdapterCommandTests {
  let workspace: Workspace

  init() async throws {
    workspace = try Workspace()
    try await TinyModel.make(in: workspace)
    try workspace.write(Pairs.some(12), to: "pairs.jsonl")
  }

  private func loss(_ arguments: String...) async throws -> Double {
    let outcome = try await Program.succeed(
      ["eval", "--eval-data", "pairs.jsonl", "--json"] + arguments, in: workspace)
    return try #require(try JSON(parsing: outcome.output)["eval_loss"]?.double)
  }

  @Test("A run leaves PEFT's files and, with --merge, the merged model; both are measured alike")
  func training() async throws {
    let outcome = try await Program.succeed(
      train(
        "--lora-r", "4", "--lora-target-modules", "all-linear", "--use-dora", "--learning-rate", "1e-2", "--max-steps",
        "6", "--merge"), in: workspace)
    #expect(outcome.messages.contains("DoRA of rank 4, α 32, at 14 layers"))
    #expect(outcome.messages.contains("step 1: loss 0.6931"))
    #expect(outcome.output.contains("PeftModel.from_pretrained"))
    let names = workspace.names(in: "out")
    #expect(names.contains("adapter_config.json") && names.contains("adapter_model.safetensors"))
    #expect(!names.contains("model.safetensors") && !names.contains("config.json"))
    #expect(workspace.names(in: "out/merged").contains("model.safetensors"))
    let config = try workspace.json("out/adapter_config.json")
    #expect(config["peft_type"] == "LORA" && config["use_dora"] == true && config["r"] == 4)
    #expect(config["base_model_name_or_path"] == "model")
    let beside = try await loss("--model", "model", "--adapter", "out")
    #expect(beside < 0.69)
    #expect(abs(try await loss("--model", "out/merged", "--ref-model", "model") - beside) < 1e-5)

    var answers: [String] = []
    for model in [["--model", "out/merged"], ["--model", "model", "--adapter", "out"]] {
      answers.append(
        try await Program.succeed(
          ["generate", "--prompt", "How much is 3 plus 2?", "--max-new-tokens", "8", "--temperature", "0"] + model,
          in: workspace
        ).output)
    }
    #expect(answers[0] == answers[1])
  }

  @Test("A run that goes on from a checkpoint ends with the same bytes")
  func resuming() async throws {
    func options(_ output: String) -> [String] {
      train(
        "--use-peft", "--lora-alpha", "8", "--lora-dropout", "0.1", "--learning-rate", "1e-2", "--num-train-epochs",
        "2",
        "--save-steps", "2", output: output)
    }
    try await Program.succeed(options("whole"), in: workspace)
    let names = workspace.names(in: "whole/checkpoint-2")
    #expect(names.contains("adapter_model.safetensors") && names.contains("optimizer.safetensors"))
    #expect(!names.contains("model.safetensors"))
    #expect(try workspace.bytes("whole/checkpoint-2/optimizer.safetensors").count < 40_000)
    let resumed = try await Program.succeed(
      options("other") + ["--resume-from-checkpoint", "whole/checkpoint-2"], in: workspace)
    #expect(resumed.messages.contains("resuming after step 2"))
    let name = "adapter_model.safetensors"
    #expect(try workspace.bytes("whole/" + name) == workspace.bytes("other/" + name))

    let different = try await Program.run(
      options("third") + ["--lora-alpha", "4", "--resume-from-checkpoint", "whole/checkpoint-2"], in: workspace)
    expect(different, code: 65, says: "adapter", "α 8", "α 4")
  }

  @Test("Two processes end with the adapter of one, with and without a divided optimizer")
  func processes() async throws {
    let options = [
      "--lora-r", "4", "--lora-target-modules", "all-linear", "--learning-rate", "1e-2", "--max-steps", "3",
    ]
    try await Program.succeed(
      train(output: "one") + options + ["--per-device-train-batch-size", "4"], in: workspace)
    for stage in ["0", "1"] {
      try await Program.succeed(
        ["launch", "--nproc-per-node", "2"] + train(output: "two" + stage) + options
          + ["--per-device-train-batch-size", "2", "--zero-stage", stage], in: workspace)
      func curve(_ run: String) throws -> [Double] {
        try workspace.lines(run + "/metrics.jsonl").compactMap { $0["loss"]?.double }
      }
      for (one, two) in zip(try curve("one"), try curve("two" + stage)) { #expect(abs(one - two) < 1e-5) }
      let expected = try await loss("--model", "model", "--adapter", "one")
      let found = try await loss("--model", "model", "--adapter", "two" + stage)
      #expect(abs(expected - found) < 1e-5)
    }
  }

  @Test("--adapter goes on; its reference is the adapter as it was, or the bare model")
  func goingOn() async throws {
    let options = ["--lora-r", "4", "--learning-rate", "1e-2", "--max-steps", "3"]
    try await Program.succeed(train(output: "first") + options, in: workspace)
    let more = ["--adapter", "first", "--learning-rate", "1e-2", "--max-steps", "2"]
    let second = try await Program.succeed(train(output: "second") + more, in: workspace)
    #expect(second.messages.contains("step 1: loss 0.6931"))
    #expect(try workspace.json("second/adapter_config.json")["r"] == 4)
    let third = try await Program.succeed(train(output: "third") + more + ["--ref-model", "base"], in: workspace)
    #expect(third.messages.contains("with a reference of its own"))
    #expect(!third.messages.contains("step 1: loss 0.6931"))
  }

  @Test("convert merges, splits, and goes to MiniMind's file and back")
  func converting() async throws {
    try await Program.succeed(
      train(
        "--lora-r", "16", "--lora-target-modules", "q_proj", "o_proj", "--learning-rate", "1e-2", "--max-steps", "4"),
      in: workspace)
    let expected = try await loss("--model", "model", "--adapter", "out")
    try await Program.succeed(
      ["convert", "--model", "model", "--adapter", "out", "--merge", "--to", "merged"], in: workspace)
    #expect(abs(try await loss("--model", "merged", "--ref-model", "model") - expected) < 1e-5)
    let split = try await Program.succeed(
      ["convert", "--model", "merged", "--base", "model", "--lora-r", "16", "--to", "split"], in: workspace)
    #expect(split.messages.contains("holds all but 0.0 %"))
    #expect(abs(try await loss("--model", "model", "--adapter", "split") - expected) < 1e-5)
    try await Program.succeed(
      ["convert", "--model", "model", "--adapter", "out", "--to", "lora_16.pth", "--dtype", "float32"], in: workspace)
    #expect(abs(try await loss("--model", "model", "--adapter", "lora_16.pth") - expected) < 1e-5)
    try await Program.succeed(
      ["convert", "--model", "model", "--adapter", "lora_16.pth", "--to", "peft"], in: workspace)
    #expect(abs(try await loss("--model", "model", "--adapter", "peft") - expected) < 1e-5)
    let there = try await Program.run(
      ["convert", "--model", "model", "--adapter", "lora_16.pth", "--to", "peft"], in: workspace)
    expect(there, code: 73, says: "--overwrite")
  }

  @Test("--lora_name in a MiniMind checkout writes what eval_llm.py --lora_weight reads")
  func miniMind() async throws {
    for name in ["out", "model-folder"] {
      try FileManager.default.createDirectory(atPath: workspace.path(name), withIntermediateDirectories: false)
    }
    try await Program.succeed(["convert", "--model", "model", "--to", "out/full_sft_16.pth"], in: workspace)
    let given = [
      "train", "--save_dir", "out", "--hidden_size", "16", "--data_path", "pairs.jsonl", "--lora_name", "lora_polite",
      "--learning_rate", "1e-2", "--batch_size", "2", "--tokenizer", "model",
    ]
    let outcome = try await Program.succeed(given, in: workspace)
    #expect(outcome.output.contains("load_lora(model, \"out/lora_polite_16.pth\")"))
    #expect(workspace.names(in: "out") == ["full_sft_16.pth", "lora_polite_16.pth", "lora_polite_16_run"])
    let bytes = try workspace.bytes("out/lora_polite_16.pth")
    #expect(bytes.range(of: Data("model.layers.1.self_attn.o_proj.lora.B.weight".utf8)) != nil)
    let learned = try await loss("--model", "model", "--adapter", "out/lora_polite_16.pth")
    #expect(learned < 0.69)
    let again = try await Program.succeed(
      given + ["--adapter", "out/lora_polite_16.pth", "--merge"], in: workspace)
    #expect(again.messages.contains("rank 16"))
    #expect(
      workspace.names(in: "out") == ["dpo_16.pth", "full_sft_16.pth", "lora_polite_16.pth", "lora_polite_16_run"])
    let merged = try await loss("--model", "out/dpo_16.pth", "--tokenizer", "model", "--ref-model", "model")
    #expect(abs(try await loss("--model", "model", "--adapter", "out/lora_polite_16.pth") - merged) < 1e-2)
    let clash = try await Program.run(given + ["--merge", "--save_weight", "lora_polite"], in: workspace)
    expect(clash, code: 64, says: "--save-weight", "lora_polite")
  }

  @Test(
    "What contradicts itself or means nothing is refused with 64, before anything is read",
    arguments: [
      (["--lora-alpha", "3"], "--lora-r 16"), (["--merge"], "--lora-r 16"), (["--lora-r", "0"], "at least 1"),
      (["--lora-r", "4", "--lora-alpha", "0"], "above 0"), (["--lora-r", "4", "--lora-dropout", "1"], "1 excluded"),
      (["--adapter", "x", "--use-peft"], "--use-peft"), (["--adapter", "x", "--use-dora"], "--use-dora"),
      (["--lora-name", "x", "--lora-r", "8"], "rank 16"), (["--lora-name", "x", "--use-dora"], "--use-dora"),
      (["--lora-r", "4", "--sync-ref-model"], "--sync-ref-model"),
      (["--lora-r", "4", "--lora-init", "pissa"], "gaussian"),
      (["--lora-r", "4", "--lora-modules-to-save", "lm_head"], "nothing else"),
    ])
  func refused(_ given: [String], _ words: String) async throws {
    expect(try await Program.run(train() + given, in: workspace), code: 64, says: words)
    #expect(!workspace.exists("out"))
  }

  @Test("Targets that no layer has end with 64, missing adapters with 66, those that do not fit with 65")
  func unusable() async throws {
    for (targets, words) in [("c_attn", "q_proj"), ("[", "regular expression")] {
      let outcome = try await Program.run(train("--lora-r", "4", "--lora-target-modules", targets), in: workspace)
      expect(outcome, code: 64, says: targets, words)
    }
    expect(try await Program.run(train("--adapter", "nowhere"), in: workspace), code: 66, says: "nowhere")
    expect(try await Program.run(train("--adapter", "model"), in: workspace), code: 66, says: "adapter_config.json")
    try workspace.write(TinyModel.configuration(hidden: 32).serialized(), to: "wide.json")
    try await Program.succeed(
      ["init", "--model-config", "wide.json", "--tokenizer", Checkout.demo, "--to", "wide"], in: workspace)
    try await Program.succeed(
      train("--lora-r", "4", "--max-steps", "1", model: "wide", output: "other"), in: workspace)
    expect(
      try await Program.run(train("--adapter", "other"), in: workspace), code: 65, says: "lora_A.weight", "[4, 32]",
      "[4, 16]")
    var config = try #require(try workspace.json("other/adapter_config.json").object)
    config["modules_to_save"] = ["lm_head"]
    try workspace.write(JSON.object(config).serialized(), to: "other/adapter_config.json")
    let refused = try await Program.run(
      ["generate", "--model", "wide", "--adapter", "other", "--prompt", "x"], in: workspace)
    expect(refused, code: 65, says: "modules_to_save", "lm_head", "merge_and_unload")
    expect(
      try await Program.run(["generate", "--model", "other", "--prompt", "x"], in: workspace), code: 64,
      says: "--adapter")
  }

  @Test("A sweep compares rates for an adapter")
  func sweep() async throws {
    let outcome = try await Program.succeed(
      [
        "sweep", "--model", "model", "--train-data", "pairs.jsonl", "--eval-split", "4", "--output-dir", "out",
        "--lora-r",
        "4", "--learning-rates", "1e-3,1e-2", "--save-best",
      ], in: workspace)
    #expect(outcome.output.contains("0.01"))
    #expect(workspace.exists("out/best/adapter_model.safetensors"))
  }
}
