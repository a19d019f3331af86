import Files
import Foundation
import OrderedCollections
import OrderedJSON

/// `adapter_config.json`, as PEFT reads and writes it.
extension LoRAConfiguration {
  static let fileName = "adapter_config.json"

  /// Fields of `LoraConfig` that change what an adapter computes, or what else it trains, and that this program does not
  /// have: refused unless they are null, false, empty or one of these words.
  private static let unsupported: [(name: String, harmless: [JSON])] = [
    ("modules_to_save", []), ("bias", ["none"]), ("fan_in_fan_out", []), ("lora_bias", []),
    ("trainable_token_indices", []), ("target_parameters", []), ("layer_replication", []), ("use_qalora", []),
    ("alora_invocation_tokens", []), ("use_bdlora", []), ("arrow_config", []), ("kasa_config", []),
    ("velora_config", []), ("monteclora_config", []), ("megatron_config", []),
  ]

  /// Beginnings that change the weights that are adapted, so that the adapter belongs to others than those of its model.
  private static let changingBeginnings = ["pissa", "olora", "corda", "loftq", "lora_ga"]

  /// Reads a file.
  ///
  /// - Throws: `FileError` where it is missing or damaged; `AdapterError` for what this program does not have.
  init(contentsOf file: URL) throws {
    guard let bytes = FileManager.default.contents(atPath: file.path) else {
      throw FileError(
        .missing, file: file.path, "does not exist",
        remedy: "name the folder of an adapter that PEFT has saved, or MiniMind's LoRA file")
    }
    let json: JSON
    do { json = try JSON(parsing: bytes) } catch {
      throw FileError(.damaged, file: file.path, "is not JSON: \(error)", remedy: "save the adapter again")
    }
    guard let kind = json["peft_type"]?.string else {
      throw FileError(.damaged, file: file.path, "has no peft_type", remedy: "name an adapter that PEFT has saved")
    }
    var refused: [(name: String, value: String)] = []
    if kind != "LORA" { refused.append(("peft_type", kind)) }
    for (name, harmless) in Self.unsupported {
      guard let value = json[name], !Self.isUnset(value), !harmless.contains(value) else { continue }
      refused.append((name, value.serialized()))
    }
    if let beginning = json["init_lora_weights"]?.string,
      Self.changingBeginnings.contains(where: { beginning.lowercased().hasPrefix($0) })
    {
      refused.append(("init_lora_weights", beginning))
    }
    guard refused.isEmpty else { throw AdapterError.unsupported(file: file.path, fields: refused) }

    guard let rank = json["r"]?.int, rank > 0, let alpha = json["lora_alpha"]?.double else {
      throw FileError(
        .damaged, file: file.path, "has no r and lora_alpha that are numbers above 0", remedy: "save the adapter again")
    }
    let dropout = json["lora_dropout"]?.double ?? 0
    guard (0..<1).contains(dropout) else {
      throw FileError(
        .damaged, file: file.path, "has a lora_dropout of \(dropout), which is not in [0, 1)", remedy: "correct it")
    }
    let targets: Targets =
      switch json["target_modules"] {
      case .array(let names)?: .names(names.compactMap(\.string))
      case .string("all-linear")?: .allLinear
      case .string(let pattern)?: .pattern(pattern)
      default: .names([])
      }
    self.init(
      rank: rank, alpha: alpha, dropout: dropout, targets: targets, usesRSLoRA: json["use_rslora"]?.bool ?? false,
      usesDoRA: json["use_dora"]?.bool ?? false)
    for (pattern, value) in json["rank_pattern"]?.object ?? [:] {
      guard let rank = value.int, rank > 0 else {
        throw FileError(
          .damaged, file: file.path, "has the rank_pattern \(pattern): \(value.serialized())", remedy: "correct it")
      }
      rankPattern[pattern] = rank
    }
    for (pattern, value) in json["alpha_pattern"]?.object ?? [:] {
      guard let alpha = value.double else {
        throw FileError(
          .damaged, file: file.path, "has the alpha_pattern \(pattern): \(value.serialized())", remedy: "correct it")
      }
      alphaPattern[pattern] = alpha
    }
    basePath = json["base_model_name_or_path"]?.string
    self.file = json
  }

  private static func isUnset(_ value: JSON) -> Bool {
    switch value {
    case .null, .bool(false): true
    case .array(let items): items.isEmpty
    case .object(let members): members.isEmpty
    default: false
    }
  }

  /// The file for an adapter of certain layers. What it was read with stays.
  func json(layers: [String], among all: [String]) -> JSON {
    var members = file?.object ?? [:]
    func set(_ name: String, _ value: JSON) { members[name] = value }
    set("peft_type", "LORA")
    if members["task_type"] == nil { set("task_type", "CAUSAL_LM") }
    if let basePath { set("base_model_name_or_path", .string(basePath)) }
    set("r", .integer(rank))
    set("lora_alpha", Int(exactly: alpha).map(JSON.integer) ?? .number(alpha))
    set("lora_dropout", .number(dropout))
    set("use_rslora", .bool(usesRSLoRA))
    set("use_dora", .bool(usesDoRA))
    set("bias", "none")
    set("fan_in_fan_out", .bool(false))
    set("inference_mode", .bool(true))
    set("rank_pattern", .object(rankPattern.reduce(into: [:]) { $0[$1.key] = .integer($1.value) }))
    set("alpha_pattern", .object(alphaPattern.reduce(into: [:]) { $0[$1.key] = .number($1.value) }))
    if file == nil {
      set("init_lora_weights", initialization == .gaussian ? "gaussian" : .bool(true))
      if case .pattern(let pattern) = targets {
        set("target_modules", .string(pattern))
      } else {
        set("target_modules", .array(Self.names(of: layers, among: all).map(JSON.string)))
      }
    }
    return .object(members)
  }

  /// The shortest names for layers: the last parts of their paths where no other layer is called the same.
  private static func names(of layers: [String], among all: [String]) -> [String] {
    func last(_ path: String) -> String { path.split(separator: ".").last.map(String.init) ?? path }
    let kinds = OrderedSet(layers.map(last))
    return all.count { kinds.contains(last($0)) } == layers.count ? Array(kinds) : layers
  }
}
