import ArgumentParser
import MiniMind

/// Whether an adapter of low rank (LoRA) is trained in place of the weights, and which: the options of TRL's `ModelConfig` and
/// PEFT's `LoraConfig`.
struct AdapterArguments: ParsableArguments {
  @Flag(help: "Train an adapter in place of the weights; the same as --lora-r 16.")
  var usePeft = false

  @Option(
    help: ArgumentHelp(
      "Train an adapter of this rank in place of the weights. (default: all weights are trained)", valueName: "rank"))
  var loraR: Int?

  @Option(
    help: ArgumentHelp("What the adapter is scaled with, over its rank. (default: 32)", valueName: "α"))
  var loraAlpha: Double?

  @Option(
    help: ArgumentHelp(
      "The probability with which an input of the adapter is dropped in training. (default: 0, or as --adapter has it)",
      valueName: "probability"))
  var loraDropout: Double?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      """
      The layers that are adapted: names such as q_proj, all-linear, or a regular expression for whole names. (default: q_proj \
      v_proj, as in PEFT)
      """, valueName: "name"))
  var loraTargetModules: [String] = []

  @Flag(name: .customLong("use-rslora"), help: "Scale with α over the root of the rank (rsLoRA).")
  var useRSLoRA = false

  @Flag(name: .customLong("use-dora"), help: "Learn the lengths of the weights' rows too (DoRA).")
  var useDoRA = false

  @Option(
    name: [.long, .customLong("init-lora-weights")],
    help: "How the adapter begins: default (PEFT's: uniform) or gaussian. It adds nothing at first in either case.")
  var loraInit: LoRAConfiguration.Initialization?

  @Flag(help: "Also write the model with the adapter in its weights, to the folder merged in --output-dir.")
  var merge = false

  @Option(
    help: ArgumentHelp(
      """
      Train MiniMind's LoRA, rank 16 at the square layers, and write it to SAVE_DIR/NAME_HIDDEN.pth, where eval_llm.py \
      --lora_weight NAME finds it.
      """, valueName: "name"))
  var loraName: String?

  func validate() throws {
    if let loraR, loraR < 1 { throw ValidationError("--lora-r must be at least 1.") }
    if let loraAlpha, !(loraAlpha > 0 && loraAlpha.isFinite) {
      throw ValidationError("--lora-alpha must be above 0.")
    }
    if let loraDropout, !(0..<1).contains(loraDropout) {
      throw ValidationError("--lora-dropout must lie between 0 and 1, 1 excluded.")
    }
  }

  /// What contradicts itself, or goes nowhere; nil where all is well.
  ///
  /// - Parameter adapter: the adapter that is trained further; nil for none
  func problem(goingOnWith adapter: String?) -> String? {
    let details: [(name: String, isGiven: Bool)] = [
      ("lora-alpha", loraAlpha != nil), ("lora-target-modules", !loraTargetModules.isEmpty),
      ("use-rslora", useRSLoRA), ("use-dora", useDoRA), ("lora-init", loraInit != nil),
    ]
    func first(_ options: [(name: String, isGiven: Bool)]) -> String? { options.first(where: \.isGiven)?.name }
    if adapter != nil {
      if let name = first([("use-peft", usePeft), ("lora-r", loraR != nil)] + details) {
        return "--adapter goes on with an adapter as it is; --\(name) describes a new one. Leave one of them out."
      }
      return nil
    }
    if loraName != nil {
      if let loraR, loraR != 16 {
        return "--lora-name: MiniMind's scripts read adapters of rank 16 only, not --lora-r \(loraR). Leave it out."
      }
      if let name = first(details.filter { ["lora-target-modules", "use-dora"].contains($0.name) }) {
        return "--lora-name: MiniMind's LoRA is at the square layers and no DoRA; leave out --\(name)."
      }
      return nil
    }
    guard configuration == nil else { return nil }
    if let name = first(details + [("lora-dropout", loraDropout != nil), ("merge", merge)]) {
      return "--\(name) is about an adapter, and all weights are trained; --lora-r 16 trains an adapter instead."
    }
    return nil
  }

  /// The adapter that is trained; nil where there is none, or one is trained further.
  var configuration: LoRAConfiguration? {
    guard usePeft || loraR != nil || loraName != nil else { return nil }
    var configuration = loraName == nil ? LoRAConfiguration() : .miniMind
    if let loraR { configuration.rank = loraR }
    if let loraAlpha { configuration.alpha = loraAlpha }
    if let loraDropout { configuration.dropout = loraDropout }
    if let loraInit { configuration.initialization = loraInit }
    (configuration.usesRSLoRA, configuration.usesDoRA) = (useRSLoRA, useDoRA)
    if let targets = LoRAConfiguration.Targets(named: loraTargetModules) { configuration.targets = targets }
    return configuration
  }

  /// The settings under the names of their options, for `config.yaml`.
  var settings: [(name: String, value: (any CustomStringConvertible)?)] {
    [
      ("use-peft", usePeft ? true : nil), ("lora-r", loraR), ("lora-alpha", loraAlpha), ("lora-dropout", loraDropout),
      ("lora-target-modules", loraTargetModules.isEmpty ? nil : loraTargetModules),
      ("use-rslora", useRSLoRA ? true : nil), ("use-dora", useDoRA ? true : nil), ("lora-init", loraInit?.rawValue),
      ("merge", merge ? true : nil), ("lora-name", loraName),
    ]
  }
}

extension LoRAConfiguration.Targets {
  /// What `--lora-target-modules` names; nil for nothing. Commas separate names too; what no name can hold is a pattern.
  init?(named words: [String]) {
    let names = words.flatMap { $0.split(separator: ",").map(String.init) }
    guard let first = words.first, !names.isEmpty else { return nil }
    if words == ["all-linear"] {
      self = .allLinear
    } else if words.count == 1, first.contains(where: { "*+?|()[]^$\\{}".contains($0) }) {
      self = .pattern(first)
    } else {
      self = .names(names)
    }
  }
}

extension LoRAConfiguration.Initialization: ExpressibleByArgument {
  /// What may be asked for.
  public static var allValueStrings: [String] { ["default", "gaussian"] }

  /// Only those; PEFT calls its default `true`.
  public init?(argument: String) {
    let name = argument.lowercased() == "true" ? "default" : argument
    guard Self.allValueStrings.contains(name) else { return nil }
    self.init(rawValue: name)
  }
}
