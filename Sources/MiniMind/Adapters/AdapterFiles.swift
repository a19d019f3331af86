import Checkpoints
import Files
import Foundation
import OrderedCollections
import OrderedJSON
import Torch

/// Reads and writes adapters: PEFT's folders (`adapter_config.json`, `adapter_model.safetensors`), and the LoRA files of
/// MiniMind's scripts.
public enum AdapterFiles {
  /// The files of a folder that PEFT reads.
  public static let names = [LoRAConfiguration.fileName, weightsName]
  static let weightsName = "adapter_model.safetensors"
  private static let olderWeightsName = "adapter_model.bin"

  /// Whether a folder holds an adapter.
  public static func areIn(_ folder: URL) -> Bool {
    FileManager.default.fileExists(atPath: folder.appendingPathComponent(LoRAConfiguration.fileName).path)
  }

  /// Writes a model's adapter into a folder that exists, with the tokenizer's files.
  ///
  /// - Parameters:
  ///   - tokenizer: the folder whose tokenizer files are copied; nil for none
  ///   - dtype: the type of the numbers in the file
  /// - Throws: `FileError` when the folder cannot be written, `TorchError`.
  public static func writeFolder(
    _ adapter: Adapter, of model: CausalLM, to folder: URL, tokenizer: URL?, dtype: DType = .float32
  ) throws {
    try drafts(adapter, of: model, dtype: dtype).write(to: folder)
    try ModelFiles.copyTokenizer(from: tokenizer, to: folder)
  }

  /// `adapter_config.json` and `adapter_model.safetensors`, still to be written.
  ///
  /// - Throws: `TorchError` when memory runs out.
  public static func drafts(
    _ adapter: Adapter, of model: CausalLM, dtype: DType = .float32
  ) throws(TorchError) -> [FileDraft] {
    let config = adapter.configuration.json(
      layers: adapter.layers.map(\.path), among: model.adaptableLayers.map(\.path))
    return [
      FileDraft(LoRAConfiguration.fileName, bytes: Data((config.serialized(.pretty) + "\n").utf8)),
      FileDraft(weightsName, safetensors: try adapter.tensors(dtype: dtype)),
    ]
  }

  /// Writes the file that MiniMind's `load_lora` reads.
  ///
  /// - Throws: `AdapterError` for an adapter that such a file cannot hold; `FileError`, `TorchError`.
  public static func writeMiniMind(
    _ adapter: Adapter, of model: CausalLM, to file: URL, dtype: DType = .float16
  ) throws {
    try TorchArchive.write(miniMindValue(adapter, of: model, dtype: dtype), to: file)
  }

  /// What that file holds. MiniMind does not scale: B is multiplied by the factor.
  ///
  /// - Parameter copies: whether it is to be in memory of its own
  /// - Throws: `AdapterError` for an adapter that such a file cannot hold; `TorchError`.
  static func miniMindValue(
    _ adapter: Adapter, of model: CausalLM, dtype: DType, copies: Bool = false
  ) throws -> TorchValue {
    let square = model.adaptableLayers.filter { $0.layer.weight.shape[0] == $0.layer.weight.shape[1] }.map(\.path)
    var reasons: [String] = []
    if adapter.configuration.usesDoRA { reasons.append("it is DoRA") }
    let ranks = Set(adapter.layers.map(\.adapter.rank))
    if ranks != [16] { reasons.append("its rank is \(ranks.sorted().map(String.init).joined(separator: ", "))") }
    if Set(adapter.layers.map(\.path)) != Set(square) { reasons.append("it adapts other layers") }
    guard reasons.isEmpty else { throw AdapterError.notMiniMinds(reasons: reasons) }
    var tensors: OrderedDictionary<String, StoredTensor> = [:]
    for (path, layer) in adapter.layers {
      let down = try layer.down.value.detached().to(dtype)
      tensors["\(path).lora.A.weight"] = try StoredTensor(copies && dtype == .float32 ? down.clone() : down)
      tensors["\(path).lora.B.weight"] = try StoredTensor((layer.up.value.detached() * layer.scale).to(dtype))
    }
    return TorchValue(stateDict: tensors.elements)
  }

  /// An adapter's configuration and its tensors.
  static func read(_ location: URL) throws -> (configuration: LoRAConfiguration, state: StateDictionary) {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: location.path, isDirectory: &isFolder) else {
      throw FileError(
        .missing, file: location.path, "does not exist",
        remedy: "name the folder of an adapter that PEFT has saved, or MiniMind's LoRA file")
    }
    if isFolder.boolValue { return try readFolder(location) }
    if location.pathExtension == "safetensors" { return try readFolder(location.deletingLastPathComponent()) }
    let state = try StateDictionary(contentsOf: location)
    guard state.names.contains(where: { $0.hasTextSuffix(".lora.A.weight") }) else {
      throw FileError(
        .unsupported, file: location.path, "is not MiniMind's LoRA file: no tensor ends in .lora.A.weight",
        remedy: "name the folder of an adapter that PEFT has saved, or MiniMind's LoRA file")
    }
    return (.miniMind, state.renamed(Self.peftName))
  }

  private static func readFolder(_ folder: URL) throws -> (configuration: LoRAConfiguration, state: StateDictionary) {
    let configuration = try LoRAConfiguration(
      contentsOf: folder.appendingPathComponent(LoRAConfiguration.fileName))
    let files = [weightsName, olderWeightsName].map(folder.appendingPathComponent)
    guard let file = files.first(where: { FileManager.default.fileExists(atPath: $0.path) }) else {
      throw FileError(
        .missing, file: folder.path, "has neither \(weightsName) nor \(olderWeightsName)",
        remedy: "copy the whole folder that PEFT has saved")
    }
    return (configuration, try StateDictionary(contentsOf: file))
  }

  /// MiniMind's name of a tensor in PEFT's spelling.
  private static func peftName(_ name: String) -> String {
    Adapter.filePrefix
      + name.replacingOccurrences(of: ".lora.A.weight", with: ".lora_A.weight")
      .replacingOccurrences(of: ".lora.B.weight", with: ".lora_B.weight")
  }
}

extension CausalLM {
  /// Freezes the weights and gives the model an adapter from files.
  ///
  /// - Parameter location: a folder of PEFT's, or a LoRA file of MiniMind's
  /// - Throws: `FileError` where it is missing or damaged; `AdapterError` for one that does not fit, or that needs what this
  ///   program does not have; `WeightsNotFinite`; `TorchError`.
  public func loadAdapter(_ location: URL) throws {
    var (configuration, state) = try AdapterFiles.read(location)
    let layers = adaptableLayers
    let known = Set(layers.map(\.path))
    var ranks: [String: Int] = [:]
    var problems: [String] = []
    for name in state.names {
      guard let (path, part) = Self.parts(of: name), known.contains(path) else {
        problems.append("\(name): the model has no such layer to adapt")
        continue
      }
      if part == "lora_A.weight" { ranks[path] = state.shape(of: name)?.first }
    }
    if ranks.isEmpty, problems.isEmpty { problems.append("it has no lora_A tensors") }
    guard problems.isEmpty else { throw AdapterError.misfit(source: state.source, problems: problems) }
    if configuration.initialization == .miniMind, let rank = ranks.values.max() {
      // MiniMind's files do not scale, whatever their rank.
      (configuration.rank, configuration.alpha) = (rank, Double(rank))
    }
    let adapter = try Adapter(configuration, of: layers.filter { ranks[$0.path] != nil }, ranks: ranks)
    try adapter.load(state)
    try take(adapter)
  }

  /// The layer and the parameter that a name in PEFT's files means.
  private static func parts(of name: String) -> (path: String, part: String)? {
    guard name.hasTextPrefix(Adapter.filePrefix) else { return nil }
    let path = name.dropFirst(Adapter.filePrefix.count)
    for part in ["lora_A.weight", "lora_B.weight", "lora_magnitude_vector"] where path.hasSuffix("." + part) {
      return (String(path.dropLast(part.count + 1)), part)
    }
    return nil
  }
}

extension Adapter {
  /// Copies parameters from a file. Strict: every one must be there, in its shape, and nothing else; and every value must
  /// be a finite number.
  ///
  /// - Throws: `AdapterError`, `WeightsNotFinite`, `FileError` for damaged files, `TorchError`.
  func load(_ state: StateDictionary) throws {
    var problems: [String] = []
    for (path, adapter) in layers where try adapter.rank != configuration.rank(at: path) {
      problems.append(
        "\(path): rank \(adapter.rank) in the file, \(try configuration.rank(at: path)) in its configuration")
    }
    let known = Set(namedParameters.map(\.name))
    problems += state.names.filter { !known.contains($0) }.map { "\($0): unexpected" }
    for (name, parameter) in namedParameters {
      guard let shape = state.shape(of: name) else {
        problems.append("\(name): missing")
        continue
      }
      if shape != parameter.shape { problems.append("\(name): \(shape) in the file, \(parameter.shape) in the model") }
    }
    guard problems.isEmpty else { throw AdapterError.misfit(source: state.source, problems: problems) }
    var notFinite: [(name: String, notFinite: Int, count: Int)] = []
    for (name, parameter) in namedParameters {
      guard let tensor = try state.tensor(name) else { continue }
      try withoutGrad { try parameter.value.copyInPlace(tensor) }
      let bad = try withoutGrad { try parameter.count - parameter.value.detached().isFinite().sum().intItem() }
      if bad > 0 { notFinite.append((name, bad, parameter.count)) }
    }
    guard notFinite.isEmpty else { throw WeightsNotFinite(source: state.source, tensors: notFinite) }
  }

  /// The same from files: of an adapter with the same layers and ranks.
  package func load(from location: URL) throws { try load(AdapterFiles.read(location).state) }
}
