import Checkpoints
import Foundation
import MiniMind
import ModelFixtures
import OrderedJSON
import Testing
import Torch

/// Mixtures of experts, as `transformers` and MiniMind's formula have them; Tools/reference/experts.py.
@Suite("Mixtures of experts")
struct ExpertTests {
  static let folders = ["qwen3_moe", "minimind_moe"]

  /// experts · Σ_e f_e P_e, from the sums of `ExpertUse`: for each layer, or over the tokens of all layers.
  static func balance(_ use: ExpertUse, tokens: Int, of experts: ExpertConfiguration) throws -> Tensor {
    func loss(_ sums: Tensor, rows: Int) throws -> Tensor {
      try (sums.select(0, 0) * sums.select(0, 1)).sum() * (Double(experts.count) / Double(rows * rows))
    }
    let count = use.layers.count
    return switch experts.balanceScope {
    case .layer: try Tensor.stack(use.layers.map { try loss($0, rows: tokens) }).sum()
    case .model: try loss(.stack(use.layers).sum(0), rows: tokens * count)
    }
  }

  @Test(
    "The load-balancing loss is within 1e-5, and each parameter's gradient has the norm of the reference",
    arguments: folders, [false, true])
  func gradients(folder: String, recomputes: Bool) throws {
    let golden = try Golden(folder)
    let model = try golden.model()
    model.recomputesLayers = recomputes
    let experts = try #require(model.configuration.experts)
    for (_, parameter) in model.namedParameters { try parameter.value.setRequiresGrad(true) }
    let ids = try golden.ids()
    let count = ids.joined().count
    let use = try ExpertUse(counting: .ones([count]))
    let hidden = try model.hiddenStates(
      Tensor(ids.flatMap(\.self)), positions: Tensor(ids.flatMap { Array($0.indices) }),
      pattern: PackedTrees(ids.map { Tree(prefix: $0.count) }), counting: use)
    #expect(use.layers.count == model.configuration.expertLayerCount)
    let auxiliary = try Self.balance(use, tokens: count, of: experts)
    #expect(try abs(auxiliary.item() - golden.tensor("aux_loss").item()) < 1e-5)

    let width = ids[0].count
    let predictors = ids.indices.flatMap { row in row * width..<(row + 1) * width - 1 }
    let loss = try model.logProbabilities(
      hidden.indexSelect(0, Tensor(predictors)), of: Tensor(ids.flatMap { $0.dropFirst() })
    ).mean().negated()
    #expect(try abs(loss.item() - golden.tensor("loss").item()) < 1e-5)
    try (loss.to(.float64) + auxiliary * experts.balanceCoefficient).backward()
    for (name, parameter) in model.namedParameters {
      let expected = try golden.tensor("gradient_norm/\(name)").item()
      let norm = try parameter.value.gradient()?.norm().item() ?? 0
      #expect(abs(norm - expected) <= 1e-4 * expected, "\(name): \(norm), reference \(expected)")
    }
    #expect(golden.names.count { $0.hasPrefix("gradient_norm/") } == model.namedParameters.count)
  }

  @Test("Without scaled weights, the loss over all layers is that of the reference")
  func plainWeights() throws {
    let golden = try Golden("qwen3_moe")
    let model = try golden.model("config_plain.json")
    let ids = try golden.ids()
    let use = try ExpertUse(counting: .ones([80]))
    _ = try withoutGrad {
      try model.hiddenStates(
        Tensor(ids.flatMap(\.self)), positions: Tensor(ids.flatMap { Array($0.indices) }),
        pattern: PackedTrees(ids.map { Tree(prefix: $0.count) }), counting: use)
    }
    let found = try Self.balance(use, tokens: 80, of: #require(model.configuration.experts)).item()
    #expect(try abs(found - golden.tensor("aux_loss_plain").item()) < 1e-5)
  }

  @Test(
    "A last layer that computes some rows has their states, and its router still counts every token", arguments: folders
  )
  func someRows(folder: String) throws {
    let golden = try Golden(folder)
    let model = try golden.model()
    let ids = try golden.ids()[0]
    let counts = try Tensor(ids.indices.map { Float($0 % 3) })
    func states(_ rows: [Int]?) throws -> (Tensor, ExpertUse) {
      let use = try ExpertUse(counting: counts)
      let hidden = try withoutGrad {
        try model.hiddenStates(
          Tensor(ids), positions: .arange(0..<ids.count), pattern: PackedTrees([Tree(prefix: ids.count)]),
          rows: rows.map { try Tensor($0) }, counting: use)
      }
      return (hidden, use)
    }
    let rows = [3, 4, 17, 38]
    let (all, whole) = try states(nil)
    for chosen in [rows, []] {
      let (some, use) = try states(chosen)
      #expect(some.shape == [chosen.count, 32])
      if !chosen.isEmpty { #expect(try largestDifference(some, all.indexSelect(0, Tensor(chosen))) < 1e-5) }
      for (one, other) in zip(use.layers, whole.layers) { #expect(try largestDifference(one, other) < 1e-6) }
    }
    let tokens = Double((ids.indices).reduce(0) { $0 + $1 % 3 })
    for layer in whole.layers {
      // Probabilities of a token add up to 1, and every token has as many experts.
      #expect(try abs(layer.select(0, 0).sum().item() - tokens) < 1e-4)
      let perToken = try #require(model.configuration.experts?.perToken)
      #expect(try layer.select(0, 1).sum().item() == tokens * Double(perToken))
    }
  }

  @Test("Experts that a file stacks are the same model", arguments: folders)
  func stacked(folder: String) throws {
    let golden = try Golden(folder)
    let scratch = try Scratch()
    for (name, target) in [("config.json", "config.json"), ("stacked.safetensors", "model.safetensors")] {
      try FileManager.default.copyItem(at: golden.folder.appendingPathComponent(name), to: scratch.file(target))
    }
    let model = try CausalLM.pretrained(scratch.url)
    #expect(try model.hasSameWeights(as: golden.model()))
    // In a torch.save file too, and without a config.json.
    guard folder == "minimind_moe" else { return }
    let stacks = try SafetensorsFile(contentsOf: scratch.file("model.safetensors"))
    var tensors: [(key: String, value: StoredTensor)] = []
    for name in stacks.names { tensors.append((name, try StoredTensor(stacks.tensor(name)))) }
    try TorchArchive.write(TorchValue(stateDict: tensors), to: scratch.file("a.pth"))
    #expect(try CausalLM.pretrained(scratch.file("a.pth")).hasSameWeights(as: model))
  }

  @Test("A bare file of MiniMind-3-MoE is told by its tensors, with one expert a token and MiniMind's loss")
  func bareFile() throws {
    let scratch = try Scratch()
    let model = try Golden("minimind_moe").model()
    try ModelFiles.writeTorchFile(model, to: scratch.file("dpo_32_moe.pth"), dtype: .float32)
    var shape = KnownShape()
    shape.headCount = 4
    let found = try CausalLM.pretrained(scratch.file("dpo_32_moe.pth"), shape: shape)
    let experts = try #require(found.configuration.experts)
    #expect((experts.count, experts.perToken, experts.intermediateSize) == (4, 1, 128))
    #expect(experts.normalizesWeights && experts.balanceScope == .layer && experts.balanceCoefficient == 5e-4)
    #expect(try found.hasSameWeights(as: model))
    // Written as a folder, `transformers` reads it as Qwen3-MoE, and MiniMind's loss is kept.
    let folder = scratch.file("folder")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try ModelFiles.writeFolder(found, to: folder, tokenizer: nil)
    let written = try ModelConfiguration(contentsOf: folder.appendingPathComponent("config.json"))
    #expect(written.experts == experts)
    #expect(written.source["architectures"] == ["Qwen3MoeForCausalLM"])
  }

  @Test("A file is checked against what is said of its experts")
  func knownExperts() throws {
    let scratch = try Scratch()
    for (folder, hasExperts) in [("minimind_moe", true), ("qwen3", false)] {
      let file = scratch.file("\(folder).pth")
      try ModelFiles.writeTorchFile(Golden(folder).model(), to: file)
      var shape = KnownShape()
      shape.headCount = 4
      shape.hasExperts = hasExperts
      _ = try CausalLM.pretrained(file, shape: shape)
      shape.hasExperts = !hasExperts
      let error = try #require(throws: ModelConfigurationError.self) { try CausalLM.pretrained(file, shape: shape) }
      #expect(error.description.contains(hasExperts ? "has experts, but" : "has no experts, but"))
    }
  }

  /// A change to a good configuration, and what the refusal says of it.
  static let refusals: [(key: String, value: JSON, words: String)] = [
    ("num_experts_per_tok", 6, "num_experts_per_tok (6) must not exceed num_experts (5)"),
    ("num_experts_per_tok", 0, "\"num_experts_per_tok\" is 0"),
    ("num_experts", -1, "\"num_experts\" is -1"),
    ("moe_intermediate_size", .null, "\"moe_intermediate_size\" is null"),
    ("mlp_only_layers", ["a"], "\"mlp_only_layers\" is [\"a\"]; expected a list of layers"),
    ("decoder_sparse_step", 0, "\"decoder_sparse_step\" is 0"),
    ("router_aux_loss_coef", -0.1, "\"router_aux_loss_coef\" is -0.1; expected a number of at least 0"),
    ("n_shared_experts", 1, "\"n_shared_experts\" is 1"),
    ("use_sliding_window", true, "sliding-window attention is not supported"),
  ]

  @Test("What is impossible of experts is refused, naming key and value", arguments: refusals)
  func refused(key: String, value: JSON, words: String) throws {
    var changes: JSON.Object = [
      "model_type": "qwen3_moe", "num_experts": 5, "num_experts_per_tok": 2, "sliding_window": 8,
    ]
    changes[key] = value
    let error = try #require(throws: ModelConfigurationError.self) { try smallConfiguration(changes) }
    #expect(error.description.contains(words), "\(error)")
  }

  @Test(
    "Which layers have experts follows decoder_sparse_step and mlp_only_layers; parameters are counted, all and active")
  func layers() throws {
    let configuration = try smallConfiguration([
      "model_type": "qwen3_moe", "num_hidden_layers": 6, "num_local_experts": 5, "num_experts_per_tok": 2,
      "moe_intermediate_size": 16, "decoder_sparse_step": 2, "mlp_only_layers": [3],
    ])
    let experts = try #require(configuration.experts)
    #expect((0..<6).map { experts.areIn(layer: $0) } == [false, true, false, false, false, true])
    #expect(configuration.expertLayerCount == 2)
    let model = try CausalLM(configuration)
    #expect(configuration.parameterCount == model.namedParameters.reduce(0) { $0 + $1.parameter.count })
    let idle = 2 * 3 * 3 * 32 * 16
    #expect(configuration.activeParameterCount == configuration.parameterCount - idle)
    #expect(try smallConfiguration(["model_type": "qwen3_moe", "num_experts": 0]).experts == nil)
  }
}

@Suite(
  "MiniMind-3-MoE, 198 M, over 1,024 tokens, as `transformers` computes it (Tools/reference/experts.py)", .serialized)
struct RealSizeExpertTests {
  @Test("Logits are within 1e-4, and both load-balancing losses within 1e-4 of themselves")
  func realSize() throws {
    let golden = try JSON(parsing: Data(contentsOf: goldens().appendingPathComponent("real_size_moe.json")))
    func integer(_ name: String) throws -> Int { try #require(golden[name]?.int) }
    let model = try HashedWeights.miniMind3MoE(seed: UInt64(integer("weights_seed")))
    #expect(try model.configuration.parameterCount == integer("parameters"))
    #expect(model.namedParameters.map(\.name) == golden["names"]?.array?.compactMap(\.string))
    let tokens = HashedWeights.tokens(
      try integer("tokens"), vocabulary: 6400, seed: UInt64(try integer("tokens_seed")))
    let use = try ExpertUse(counting: .ones([tokens.count]))
    let (logits, logProbabilities) = try withoutGrad {
      let hidden = try model.hiddenStates(
        Tensor(tokens), positions: .arange(0..<tokens.count), pattern: PackedTrees([Tree(prefix: tokens.count)]),
        counting: use)
      return (
        try model.logits(of: [tokens]).array(Float.self),
        try model.logProbabilities(hidden.narrow(0, 0, tokens.count - 1), of: Tensor(Array(tokens.dropFirst())))
          .array(Float.self)
      )
    }
    for expected in try #require(golden["logits"]?.array) {
      let (position, token) = (try #require(expected["position"]?.int), try #require(expected["token"]?.int))
      let value = try #require(expected["value"]?.double)
      #expect(abs(Double(logits[position * 6400 + token]) - value) < 1e-4, "token \(token) after \(position)")
    }
    for (index, value) in try #require(golden["logprobs"]?.array).compactMap(\.double).enumerated() {
      #expect(abs(Double(logProbabilities[16 * index]) - value) < 1e-4, "position \(16 * index)")
    }
    var experts = try #require(model.configuration.experts)
    for (scope, name) in [(ExpertConfiguration.BalanceScope.layer, "aux_loss_layers"), (.model, "aux_loss_model")] {
      experts.balanceScope = scope
      let expected = try #require(golden[name]?.double)
      let found = try ExpertTests.balance(use, tokens: tokens.count, of: experts).item()
      #expect(abs(found - expected) < 1e-4 * expected)
    }
  }
}
