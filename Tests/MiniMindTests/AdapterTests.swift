import Checkpoints
import Files
import Foundation
import MiniMind
import OrderedJSON
import Testing
import Torch

@Suite("Adapters of low rank")
struct AdapterTests {
  /// What Tools/reference/lora.py wrote.
  private struct AdapterGolden {
    let folder: URL
    private let numbers: SafetensorsFile

    init() throws {
      folder = try goldens().appendingPathComponent("adapters")
      numbers = try SafetensorsFile(contentsOf: folder.appendingPathComponent("logits.safetensors"))
    }

    func file(_ name: String) -> URL { folder.appendingPathComponent(name == "minimind" ? "minimind.pth" : name) }

    /// Every fourth logit of the model's ids, `[all tokens, vocabulary / 4]`.
    func logits(_ name: String) throws -> Tensor {
      let tensor = try numbers.tensor(name)
      return try tensor.reshape([-1, tensor.shape[2]])
    }

    func merged(_ name: String) throws -> Tensor { try numbers.tensor(name + ".merged") }
  }

  static let kinds = ["plain", "patterns", "rslora", "dora", "minimind"]

  private func adapted(_ kind: String) throws -> CausalLM {
    let model = try Golden("qwen3").model()
    try model.loadAdapter(AdapterGolden().file(kind))
    return model
  }

  private func ids() throws -> [[Int]] { try Golden("qwen3").ids() }

  private func everyFourth(_ logits: Tensor) throws -> Tensor {
    let vocabulary = logits.shape[1]
    return try withoutGrad {
      try logits.detached().indexSelect(1, Tensor(Array(stride(from: 0, to: vocabulary, by: 4))))
    }
  }

  @Test("Logits are PEFT's, and those of MiniMind's W + B A", arguments: kinds)
  func logits(kind: String) throws {
    let model = try adapted(kind)
    let expected = try AdapterGolden().logits(kind)
    #expect(try largestDifference(everyFourth(model.logits(of: ids())), expected) < 1e-4)
    let base = try model.base()
    let plain = try everyFourth(base.logits(of: ids()))
    #expect(try largestDifference(plain, everyFourth(Golden("qwen3").model().logits(of: ids()))) == 0)
    #expect(try largestDifference(plain, expected) > 0.05, "the adapter does nothing")
  }

  @Test("Merged weights are PEFT's, and give the same log-probabilities within 1e-5", arguments: kinds)
  func merging(kind: String) throws {
    let model = try adapted(kind)
    let before = try model.nextTokenLogProbabilities(of: ids()).detached()
    try model.mergeAdapter()
    #expect(model.adapter == nil)
    #expect(try largestDifference(model.nextTokenLogProbabilities(of: ids()).detached(), before) < 1e-5)
    guard kind != "minimind" else { return }
    let weight = try #require(try model.tensors(dtype: .float32)["model.layers.1.mlp.down_proj.weight"])
    #expect(try largestDifference(weight, AdapterGolden().merged(kind)) < 1e-6)
  }

  @Test("A model with an adapter is written with the adapter in its weights")
  func writingMerged() throws {
    let scratch = try Scratch()
    let model = try adapted("dora")
    try ModelFiles.writeFolder(model, to: scratch.url, tokenizer: nil)
    let merged = try CausalLM.pretrained(scratch.url)
    #expect(
      try largestDifference(
        merged.nextTokenLogProbabilities(of: ids()).detached(), model.nextTokenLogProbabilities(of: ids()).detached())
        < 1e-5)
  }

  @Test("A written adapter is read back bit by bit, with PEFT's fields", arguments: kinds)
  func roundTrip(kind: String) throws {
    let scratch = try Scratch()
    let model = try adapted(kind)
    let adapter = try #require(model.adapter)
    try AdapterFiles.writeFolder(adapter, of: model, to: scratch.url, tokenizer: nil)
    let other = try Golden("qwen3").model()
    try other.loadAdapter(scratch.url)
    #expect(try largestDifference(other.trainedWeights.storage, model.trainedWeights.storage) == 0)
    #expect(try largestDifference(other.logits(of: ids()).detached(), model.logits(of: ids()).detached()) == 0)
    guard kind != "minimind" else { return }
    let written = try JSON(parsing: Data(contentsOf: scratch.url.appendingPathComponent("adapter_config.json")))
    let original = try JSON(
      parsing: Data(contentsOf: AdapterGolden().file(kind).appendingPathComponent("adapter_config.json")))
    for (name, value) in try #require(original.object) where name != "alpha_pattern" && name != "target_modules" {
      #expect(written[name] == value, "\(name)")
    }
    #expect(written["target_modules"] == original["target_modules"])
    #expect(written["alpha_pattern"]?["mlp.*"]?.double == original["alpha_pattern"]?["mlp.*"]?.double)
  }

  @Test("MiniMind's file is written as MiniMind writes it; B takes the factor")
  func miniMindFile() throws {
    let scratch = try Scratch()
    let file = scratch.file("lora_768.pth")
    let model = try adapted("minimind")
    try AdapterFiles.writeMiniMind(#require(model.adapter), of: model, to: file)
    let (written, theirs) = try (
      StateDictionary(contentsOf: file), StateDictionary(contentsOf: AdapterGolden().file("minimind"))
    )
    #expect(Set(written.names) == Set(theirs.names))
    for name in theirs.names {
      let (one, two) = try (#require(try written.tensor(name)), #require(try theirs.tensor(name)))
      #expect(one.dtype == .float16 && one.shape == two.shape)
      #expect(try largestDifference(one.to(DType.float32), two.to(DType.float32)) == 0)
    }

    let scaled = try Golden("qwen3").model()
    try scaled.addAdapter(LoRAConfiguration(rank: 16, alpha: 32, targets: .square), seed: 1)
    for (name, parameter) in scaled.trainedParameters where name.contains("lora_B") {
      try parameter.value.fillInPlace(0.25)
    }
    try AdapterFiles.writeMiniMind(#require(scaled.adapter), of: scaled, to: file)
    let other = try Golden("qwen3").model()
    try other.loadAdapter(file)
    let distance = try largestDifference(other.logits(of: ids()).detached(), scaled.logits(of: ids()).detached())
    #expect(distance < 0.02, "float16 rounds A")
  }

  @Test("What MiniMind's file cannot hold is refused with the reasons")
  func miniMindRefusals() throws {
    let scratch = try Scratch()
    for (configuration, word) in [
      (LoRAConfiguration(rank: 8, targets: .square), "rank is 8"),
      (LoRAConfiguration(targets: .allLinear), "other layers"),
      (LoRAConfiguration(targets: .square, usesDoRA: true), "DoRA"),
    ] {
      let model = try Golden("qwen3").model()
      try model.addAdapter(configuration, seed: 1)
      let adapter = try #require(model.adapter)
      let error = try #require(
        #expect(throws: AdapterError.self) {
          try AdapterFiles.writeMiniMind(adapter, of: model, to: scratch.file("x.pth"))
        })
      #expect(error.description.contains(word))
    }
  }

  @Test("A new adapter adds nothing, and has the distribution that was asked for")
  func initialization() throws {
    for (beginning, deviation) in [
      (LoRAConfiguration.Initialization.kaiming, 1 / (8 * 3.0.squareRoot())), (.gaussian, 1 / 16.0), (.miniMind, 0.02),
    ] {
      for usesDoRA in [false, true] {
        let model = try Golden("qwen3").model()
        let plain = try model.logits(of: ids()).detached()
        try model.addAdapter(
          LoRAConfiguration(targets: .names(["gate_proj", "q_proj"]), usesDoRA: usesDoRA, initialization: beginning),
          seed: 3)
        #expect(try largestDifference(model.logits(of: ids()).detached(), plain) < (usesDoRA ? 1e-5 : 1e-30))
        var drawn: [Float] = []
        for (name, parameter) in model.trainedParameters where name.contains("lora_A") {
          drawn += try parameter.value.array(Float.self)
        }
        let mean = drawn.reduce(0) { $0 + Double($1) } / Double(drawn.count)
        let variance = drawn.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(drawn.count)
        #expect(abs(variance.squareRoot() / deviation - 1) < 0.05)
        if beginning == .kaiming { #expect(drawn.allSatisfy { abs($0) <= 1 / 8 }) }
      }
    }
  }

  @Test("Frozen weights have no gradients, and layers that are computed again give the same bits")
  func gradients() throws {
    for kind in ["patterns", "dora"] {
      var found: [[Float]] = []
      for recomputes in [false, true] {
        let model = try adapted(kind)
        model.recomputesLayers = recomputes
        for (_, parameter) in model.trainedParameters { try parameter.value.setRequiresGrad(true) }
        try model.nextTokenLogProbabilities(of: ids()).sum().backward()
        for (name, parameter) in model.namedParameters {
          #expect(try parameter.value.gradient() == nil, "\(name) is frozen")
        }
        found.append(
          try model.trainedParameters.flatMap { try #require(try $0.parameter.value.gradient()).array(Float.self) })
      }
      #expect(found[0] == found[1])
    }
  }

  @Test("Targets by name, by pattern, and all; what no layer has is named")
  func targets() throws {
    func paths(_ targets: LoRAConfiguration.Targets) throws -> [String] {
      let model = try Golden("qwen3").model()
      try model.addAdapter(LoRAConfiguration(targets: targets), seed: 1)
      return try #require(model.adapter).layers.map(\.path)
    }
    #expect(try paths(.names(["v_proj"])) == (0..<2).map { "model.layers.\($0).self_attn.v_proj" })
    #expect(try paths(.names(["layers.1.mlp.up_proj"])) == ["model.layers.1.mlp.up_proj"])
    #expect(try paths(.pattern(#".*\.1\.mlp\.(up|down)_proj"#)).count == 2)
    #expect(try paths(.allLinear).count == 14)
    #expect(try paths(.square).allSatisfy { $0.contains("mlp") })
    for (targets, word) in [
      (LoRAConfiguration.Targets.names(["q_proj", "c_attn"]), "c_attn"), (.names(["lm_head"]), "lm_head"),
      (.pattern("x+"), "x+"), (.pattern("["), "["),
    ] {
      let error = try #require(#expect(throws: AdapterError.self) { try paths(targets) })
      #expect(error.description.contains(word))
    }
  }

  @Test(
    "What this program does not have is refused by the name of its field",
    arguments: [
      #""modules_to_save": ["lm_head"]"#, #""bias": "all""#, #""fan_in_fan_out": true"#, #""peft_type": "IA3""#,
      #""trainable_token_indices": [1]"#, #""lora_bias": true"#, #""init_lora_weights": "pissa_niter_4""#,
      #""target_parameters": ["mlp.experts.down_proj"]"#, #""layer_replication": [[0, 1]]"#,
    ])
  func unsupported(field: String) throws {
    let scratch = try Scratch()
    try FileManager.default.copyItem(
      at: AdapterGolden().file("plain").appendingPathComponent("adapter_model.safetensors"),
      to: scratch.file("adapter_model.safetensors"))
    let name = try #require(field.split(separator: "\"").first)
    let text = try String(
      contentsOf: AdapterGolden().file("plain").appendingPathComponent("adapter_config.json"), encoding: .utf8)
    // Of two members with one name the last one counts.
    let changed = text.replacingOccurrences(of: "\"use_dora\"", with: field + ",\n  \"use_dora\"")
    var json = try #require(try JSON(parsing: Data(changed.utf8)).object)
    json[String(name)] = try JSON(parsing: Data("{\(field)}".utf8))[String(name)]
    try Data(JSON.object(json).serialized().utf8).write(to: scratch.file("adapter_config.json"))
    let error = try #require(
      #expect(throws: AdapterError.self) { try Golden("qwen3").model().loadAdapter(scratch.url) })
    #expect(error.description.contains(name))
  }

  @Test("Adapters of other models, with other ranks or with numbers that are not finite are refused by tensor")
  func misfits() throws {
    #expect(throws: AdapterError.self) { try Golden("llama").model().loadAdapter(AdapterGolden().file("dora")) }
    let scratch = try Scratch()
    func write(_ change: (inout String) -> Void, weights: (Adapter) throws -> Void = { _ in }) throws {
      let model = try adapted("plain")
      let adapter = try #require(model.adapter)
      try weights(adapter)
      try AdapterFiles.writeFolder(adapter, of: model, to: scratch.url, tokenizer: nil)
      let file = scratch.file("adapter_config.json")
      var text = try String(contentsOf: file, encoding: .utf8)
      change(&text)
      try Data(text.utf8).write(to: file)
    }
    try write({ $0 = $0.replacingOccurrences(of: "\"r\": 4", with: "\"r\": 5") })
    let rank = try #require(#expect(throws: AdapterError.self) { try Golden("qwen3").model().loadAdapter(scratch.url) })
    #expect(rank.description.contains("rank 4 in the file, 5"))
    try write({ $0 = $0.replacingOccurrences(of: "\"use_dora\": false", with: "\"use_dora\": true") })
    let dora = try #require(#expect(throws: AdapterError.self) { try Golden("qwen3").model().loadAdapter(scratch.url) })
    #expect(dora.description.contains("lora_magnitude_vector: missing"))
    try write({ _ in }, weights: { try $0.weights.storage.narrow(0, 0, 1).fillInPlace(.nan) })
    #expect(throws: WeightsNotFinite.self) { try Golden("qwen3").model().loadAdapter(scratch.url) }
    try write({ $0 = "{" })
    #expect(throws: FileError.self) { try Golden("qwen3").model().loadAdapter(scratch.url) }
    #expect(throws: FileError.self) { try Golden("qwen3").model().loadAdapter(scratch.file("none")) }
  }

  @Test("A copied adapter stays as it was while the model's own changes, and both share the weights")
  func copies() throws {
    let model = try adapted("dora")
    let before = try model.logits(of: ids()).detached()
    let frozen = try model.withCopiedAdapter()
    try model.trainedWeights.storage.fillInPlace(0.1)
    #expect(try largestDifference(frozen.logits(of: ids()).detached(), before) == 0)
    #expect(try largestDifference(model.logits(of: ids()).detached(), before) > 0.01)
    try model.place(on: .cpu, multiplyingIn: .bfloat16)
    try frozen.place(on: .cpu, multiplyingIn: .bfloat16)
    #expect(frozen.productType == .bfloat16)
    #expect(try largestDifference(frozen.logits(of: ids()).detached().to(DType.float32), before) < 0.3)
  }
}

@Suite("What was merged is split off again")
struct SplittingTests {
  @Test("An adapter's rank finds it whole; a lower one finds the nearest matrix")
  func splitsOff() throws {
    let merged = try Golden("qwen3").model()
    try merged.loadAdapter(goldens().appendingPathComponent("adapters/patterns"))
    let ids = try Golden("qwen3").ids()
    let expected = try merged.nextTokenLogProbabilities(of: ids).detached()
    try merged.mergeAdapter()

    let model = try Golden("qwen3").model()
    #expect(try model.splitOff(merged, rank: 4) < 1e-5)
    #expect(try #require(model.adapter).layers.count == 10)
    #expect(try largestDifference(model.nextTokenLogProbabilities(of: ids).detached(), expected) < 1e-5)
    let coarse = try Golden("qwen3").model()
    let left = try coarse.splitOff(merged, rank: 1)
    #expect(left > 0.2 && left < 0.9)
  }

  @Test("Models that are the same, or differ in what no adapter has, are refused")
  func refusals() throws {
    let model = try Golden("qwen3").model()
    #expect(throws: AdapterError.self) { try model.splitOff(Golden("qwen3").model(), rank: 4) }
    let other = try Golden("qwen3").model()
    for (name, parameter) in other.namedParameters where name == "model.norm.weight" {
      try parameter.value.fillInPlace(2)
    }
    let error = try #require(#expect(throws: AdapterError.self) { try model.splitOff(other, rank: 4) })
    #expect(error.description.contains("model.norm.weight"))
    #expect(throws: AdapterError.self) { try model.splitOff(Golden("llama").model(), rank: 4) }
  }
}
