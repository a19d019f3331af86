import Foundation
import OrderedJSON
import ProgramSupport
import Testing

/// A folder laid out as a MiniMind checkout, with a model of MiniMind-3's width and depth that is narrow everywhere else.
struct MiniMindFolder {
  let workspace: Workspace

  init(pairs: Int = 12, layers: Int = 8) async throws {
    workspace = try Workspace()
    for name in ["trainer", "model", "out", "dataset"] {
      try FileManager.default.createDirectory(atPath: workspace.path(name), withIntermediateDirectories: false)
    }
    for name in ["tokenizer.json", "tokenizer_config.json"] {
      try FileManager.default.copyItem(atPath: Checkout.demo(name), toPath: workspace.path("model/" + name))
    }
    try workspace.write(Pairs.some(pairs), to: "dataset/dpo.jsonl")
    let shape: JSON = [
      "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "vocab_size": 1536, "hidden_size": 768,
      "intermediate_size": 8, "num_hidden_layers": .integer(layers),
      "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4,
      "hidden_act": "silu", "max_position_embeddings": 1024, "rms_norm_eps": 1e-6, "rope_theta": 1000000.0,
      "tie_word_embeddings": true, "attention_bias": false, "bos_token_id": 1, "eos_token_id": 2,
    ]
    try workspace.write(shape.serialized(), to: "narrow.json")
    try await Program.succeed(
      ["init", "--model-config", "narrow.json", "--to", "out/full_sft_768.pth"], in: workspace)
  }

  /// Runs the program as MiniMind's scripts are run: in the folder `trainer/`, unless another is named.
  func run(_ arguments: [String], in folder: String = "trainer") async throws -> Program.Outcome {
    try await Program.run(
      ["-c", "cd \"$1\" && shift && exec \"$0\" \"$@\"", Program.executable.path, folder] + arguments, in: workspace,
      program: URL(fileURLWithPath: "/bin/sh"))
  }

  @discardableResult
  func succeed(_ arguments: [String], in folder: String = "trainer") async throws -> Program.Outcome {
    let outcome = try await run(arguments, in: folder)
    try #require(outcome.code == 0, "\(arguments.joined(separator: " ")): \(outcome.messages)")
    return outcome
  }

  /// The lines of a run's configuration.
  func configuration(of run: String = "out/dpo_768_run") throws -> [String: String] {
    let lines = try workspace.text(run + "/config.yaml").split(separator: "\n")
    return Dictionary(
      uniqueKeysWithValues: lines.map { line in
        let parts = line.split(separator: ":", maxSplits: 1)
        return (String(parts[0]), parts[1].trimmingCharacters(in: .whitespaces))
      })
  }
}

@Suite("MiniMind's train_dpo.py replaced, and nothing else changed")
struct MiniMindTests {
  @Test("Without a single option, in trainer/: MiniMind's defaults, its files, its log")
  func defaults() async throws {
    let checkout = try await MiniMindFolder()
    let outcome = try await checkout.succeed(["train"])
    let configuration = try checkout.configuration()
    for (name, value) in [
      ("from-weight", "full_sft"), ("save-dir", "../out"), ("save-weight", "dpo"), ("num-train-epochs", "1.0"),
      ("per-device-train-batch-size", "4"), ("learning-rate", "4e-08"), ("gradient-accumulation-steps", "1"),
      ("max-grad-norm", "1.0"), ("logging-steps", "100"), ("save-steps", "100"), ("max-length", "1024"),
      ("train-data", "../dataset/dpo.jsonl"), ("beta", "0.15"),
      ("lr-scheduler-type", "minimind"), ("weight-decay", "0.01"), ("completion-mask", "all"),
      ("empty-think", "random"), ("save-dtype", "float16"), ("model", "../out/full_sft_768.pth"),
      ("tokenizer", "../model"), ("output-dir", "../out/dpo_768_run"), ("seed", "42"),
    ] {
      #expect(configuration[name] == value, "\(name)")
    }
    #expect(checkout.workspace.names(in: "out") == ["dpo_768.pth", "dpo_768_run", "full_sft_768.pth"])
    let log = outcome.output.split(separator: "\n").filter { $0.hasPrefix("Epoch:[") }
    #expect(log.count == 1)
    let form =
      /Epoch:\[1\/1\]\(3\/3\), loss: (0\.69\d\d), dpo_loss: (0\.69\d\d), aux_loss: 0\.0000, learning_rate: 0\.00000000, epoch_time: 0\.000min/
    #expect(log.first?.wholeMatch(of: form) != nil, "\(log)")
    #expect(outcome.messages.contains("train step 3/3"))
    #expect(outcome.output.contains("../out/dpo_768.pth"))
    // At this learning rate a float16 file keeps next to nothing of what was learned, and the run says so.
    #expect(outcome.output.contains("saved float16 file"))
  }

  @Test("The file decides the number of layers, unless an option names another one")
  func layers() async throws {
    let checkout = try await MiniMindFolder(layers: 4)
    try await checkout.succeed(["train"])
    #expect(checkout.workspace.exists("out/dpo_768.pth"))
    let refused = try await checkout.run(["train", "--num_hidden_layers", "8"])
    expect(refused, code: 65, says: "the number of layers is 4, but 8 was asked for", "leave the option out")
  }

  @Test("--use_moe 1 trains a mixture of experts: MiniMind's file names, and the load-balancing loss in the log")
  func experts() async throws {
    let checkout = try await MiniMindFolder(layers: 1)
    let shape: JSON = [
      "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "vocab_size": 1536, "hidden_size": 64,
      "intermediate_size": 32, "moe_intermediate_size": 32, "num_experts": 4, "num_experts_per_tok": 1,
      "norm_topk_prob": true, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
      "head_dim": 32, "rope_theta": 1000000.0, "tie_word_embeddings": true, "bos_token_id": 1, "eos_token_id": 2,
    ]
    try checkout.workspace.write(shape.serialized(), to: "moe.json")
    try await Program.succeed(
      ["init", "--model-config", "moe.json", "--to", "out/full_sft_64_moe.pth"], in: checkout.workspace)
    let outcome = try await checkout.succeed(["train", "--use_moe", "1", "--hidden_size", "64"])
    #expect(checkout.workspace.exists("out/dpo_64_moe.pth") && checkout.workspace.exists("out/dpo_64_moe_run"))
    // Two layers of four experts, as evenly used as chance has it: a little above 2 · 5e-4.
    let form = /Epoch:.*, loss: 0\.69\d\d, dpo_loss: 0\.69\d\d, aux_loss: 0\.001\d, learning_rate: .*/
    #expect(outcome.output.split(separator: "\n").contains { $0.wholeMatch(of: form) != nil }, "\(outcome.output)")
    #expect(outcome.messages.contains("1 of 4 experts a token"))
    let record = try #require(
      checkout.workspace.lines("out/dpo_64_moe_run/metrics.jsonl").last { $0["aux_loss"] != nil })
    #expect(try abs(#require(record["aux_loss"]?.double) - 2) < 0.3)
    // Opened as what it is, and refused as what it is not.
    try await checkout.succeed([
      "convert", "--model", "../out/dpo_64_moe.pth", "--to", "../folder", "--tokenizer", "../model",
    ])
    #expect(try checkout.workspace.text("folder/config.json").contains("Qwen3MoeForCausalLM"))
    let refused = try await checkout.run([
      "train", "--use_moe", "0", "--model", "../out/dpo_64_moe.pth", "--train-data", "../dataset/dpo.jsonl",
      "--output-dir", "../refused",
    ])
    expect(refused, code: 65, says: "--use_moe 0")
    let dense = try await checkout.run(["train", "--router_aux_loss_coef", "0.1"])
    expect(dense, code: 64, says: "--router-aux-loss-coef", "has none")
  }

  /// Every option of train_dpo.py, but for a device that is not here.
  static let all = [
    "--save_dir", "../out", "--save_weight", "aligned", "--epochs", "2", "--batch_size", "2", "--learning_rate", "1e-4",
    "--device", "cpu", "--dtype", "bfloat16", "--num_workers", "8", "--accumulation_steps", "2", "--grad_clip", "0.5",
    "--log_interval", "2", "--save_interval", "4", "--hidden_size", "768", "--num_hidden_layers", "8", "--max_seq_len",
    "64", "--use_moe", "0", "--data_path", "../dataset/dpo.jsonl", "--from_weight", "full_sft", "--from_resume", "1",
    "--beta", "0.2", "--use_wandb", "--wandb_project", "MiniMind-DPO", "--use_compile", "1",
  ]

  @Test("Every option is taken, in either spelling, with the same result; those that mean nothing here are explained")
  func options() async throws {
    let checkout = try await MiniMindFolder()
    let outcome = try await checkout.succeed(["train"] + Self.all)
    let result = try checkout.workspace.bytes("out/aligned_768.pth")
    for word in ["--dtype bfloat16", "--num_workers 8", "--use_wandb", "--use_compile 1", "starts from the beginning"] {
      #expect(outcome.messages.contains(word), "\(word) ∉ \(outcome.messages)")
    }
    // MiniMind counts batches; 12 pairs are 6 batches of 2 and 3 steps.
    let places = outcome.output.split(separator: "\n").filter { $0.hasPrefix("Epoch:[") }
      .map { $0.prefix { $0 != "," } }
    #expect(places == ["1/2](2/6", "1/2](4/6", "1/2](6/6", "2/2](2/6", "2/2](4/6", "2/2](6/6"].map { "Epoch:[\($0))" })
    let configuration = try checkout.configuration(of: "out/aligned_768_run")
    for (name, value) in [
      ("num-train-epochs", "2.0"), ("per-device-train-batch-size", "2"), ("gradient-accumulation-steps", "2"),
      ("max-grad-norm", "0.5"), ("max-length", "64"), ("beta", "0.2"), ("logging-steps", "1"), ("save-steps", "2"),
    ] {
      #expect(configuration[name] == value, "\(name)")
    }

    try FileManager.default.removeItem(atPath: checkout.workspace.path("out/aligned_768_run"))
    let dashes = Self.all.map { $0.hasPrefix("--") ? $0.replacingOccurrences(of: "_", with: "-") : $0 }
    try await checkout.succeed(["train"] + dashes)
    #expect(try checkout.workspace.bytes("out/aligned_768.pth") == result)
    #expect(try checkout.workspace.bytes("out/full_sft_768.pth") != result)
  }

  @Test("In the checkout itself ../out is out; the folder that is taken is named")
  func root() async throws {
    let checkout = try await MiniMindFolder()
    let outcome = try await checkout.succeed(["train", "--save_dir", "../out"], in: ".")
    #expect(outcome.messages.contains("the model from out/full_sft_768.pth"))
    #expect(outcome.messages.contains("the result goes to out/dpo_768.pth"))
    #expect(checkout.workspace.exists("out/dpo_768.pth"))
    #expect(checkout.workspace.names() == ["dataset", "model", "narrow.json", "out", "trainer"])
  }

  @Test("Another --save_dir takes the result; the model still comes from ../out, as MiniMind reads it")
  func otherFolder() async throws {
    let checkout = try await MiniMindFolder()
    try await checkout.succeed(["train", "--save_dir", "../results", "--output-dir", "../run"])
    #expect(checkout.workspace.names(in: "results") == ["dpo_768.pth"])
    #expect(checkout.workspace.exists("run/report.html"))
    #expect(checkout.workspace.names(in: "out") == ["full_sft_768.pth"])
  }

  @Test(
    "--from_resume 1 resumes from the newest checkpoint, bit for bit; without it a run starts over in the same place")
  func resume() async throws {
    let checkout = try await MiniMindFolder()
    let given = ["train", "--learning_rate", "1e-4", "--save_interval", "1", "--log_interval", "1"]
    try await checkout.succeed(given)
    let result = try checkout.workspace.bytes("out/dpo_768.pth")
    #expect(
      checkout.workspace.names(in: "out/dpo_768_run").filter { $0.hasPrefix("checkpoint-") }
        == ["checkpoint-2", "checkpoint-3"])

    for name in ["out/dpo_768_run/checkpoint-3", "out/dpo_768.pth"] {
      try FileManager.default.removeItem(atPath: checkout.workspace.path(name))
    }
    let resumed = try await checkout.succeed(given + ["--from_resume", "1"])
    #expect(resumed.messages.contains("resuming after step 2"))
    #expect(try checkout.workspace.bytes("out/dpo_768.pth") == result)

    let anew = try await checkout.succeed(given)
    #expect(anew.messages.contains("step 1: loss 0.6931"))
    #expect(try checkout.workspace.bytes("out/dpo_768.pth") == result)
    #expect(
      try checkout.workspace.lines("out/dpo_768_run/metrics.jsonl").filter { $0["loss"] != nil }.compactMap {
        $0["step"]?.int
      } == [1, 2, 3])
  }

  @Test("What cannot be done is refused: no weights, of a mixture of experts either, another size")
  func refused() async throws {
    let checkout = try await MiniMindFolder()
    let experts = try await checkout.run(["train", "--use_moe", "1"])
    expect(experts, code: 66, says: "full_sft_768_moe.pth", "--use_moe 1")
    let missing = try await checkout.run(["train", "--from_weight", "rlhf"])
    expect(missing, code: 66, says: "../out/rlhf_768.pth", "../out/full_sft_768.pth")
    expect(try await checkout.run(["train", "--from_weight", "none"]), code: 64, says: "init --shape")
    expect(try await checkout.run(["train", "--hidden_size", "512"]), code: 66, says: "full_sft_512.pth")
    expect(try await checkout.run(["train", "--num_hidden_layers", "16"]), code: 65, says: "16")
    expect(try await checkout.run(["train", "--from_resume", "2"]), code: 64, says: "--from-resume")
    expect(try await checkout.run(["train", "--device", "cuda:0"]), code: 69, says: "--device cuda")
    expect(
      try await checkout.run(["train"], in: "dataset/.."), code: 0, says: "the model from out/full_sft_768.pth")
    #expect(checkout.workspace.names(in: "trainer").isEmpty)
    let nowhere = try Workspace()
    expect(try await Program.run("train", in: nowhere), code: 66, says: "trainer/", "--model", "--output-dir")
    #expect(nowhere.names().isEmpty)
  }

  static let python = ProcessInfo.processInfo.environment["MINIMIND_REFERENCE_PYTHON"]

  @Test(
    "torch.load opens the result: MiniMind's names, float16, the head being the embedding",
    .enabled(if: python != nil, "needs MINIMIND_REFERENCE_PYTHON, a Python with torch"))
  func torchLoad() async throws {
    let checkout = try await MiniMindFolder()
    try await checkout.succeed(["train", "--learning_rate", "1e-4"])
    let script = """
      import json, torch
      start, result = (torch.load(f"out/{name}_768.pth") for name in ("full_sft", "dpo"))
      assert list(start) == list(result)
      assert all(t.dtype == torch.float16 for t in result.values())
      assert torch.equal(result["lm_head.weight"], result["model.embed_tokens.weight"])
      assert any(not torch.equal(start[name], result[name]) for name in start)
      print(json.dumps({name: list(tensor.shape) for name, tensor in result.items()}))
      """
    let outcome = try await Program.run(
      ["-c", script], in: checkout.workspace, program: URL(fileURLWithPath: Self.python ?? ""))
    try #require(outcome.code == 0, "\(outcome.messages)")
    let shapes = try JSON(parsing: outcome.output)
    var names = ["model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"]
    for layer in 0..<8 {
      names += [
        "input_layernorm", "post_attention_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
        "self_attn.o_proj", "self_attn.q_norm", "self_attn.k_norm", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj",
      ].map { "model.layers.\(layer).\($0).weight" }
    }
    #expect(shapes.object.map { Set($0.keys) } == Set(names))
    #expect(shapes["lm_head.weight"] == [1536, 768])
  }

  @Test("Two processes under launch: one file, one log, and the losses of one process with twice the batch")
  func launch() async throws {
    let checkout = try await MiniMindFolder()
    let given = ["train", "--learning_rate", "1e-4", "--log_interval", "1", "--save-dtype", "float32"]
    let outcome = try await checkout.succeed(
      ["launch", "--nproc-per-node", "2"] + given + ["--batch_size", "2"])
    #expect(outcome.output.split(separator: "\n").count { $0.hasPrefix("Epoch:[") } == 3)
    #expect(outcome.messages.contains("2 processes × 2 pairs"))
    let losses = try checkout.workspace.lines("out/dpo_768_run/metrics.jsonl").compactMap { $0["loss"]?.double }
    try await checkout.succeed(given + ["--batch_size", "4"])
    let alone = try checkout.workspace.lines("out/dpo_768_run/metrics.jsonl").compactMap { $0["loss"]?.double }
    #expect(losses.count == 3)
    for (one, other) in zip(losses, alone) { #expect(abs(one - other) <= 1e-5 * other) }
  }
}
