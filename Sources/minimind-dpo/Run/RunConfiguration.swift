import Files
import Foundation
import Torch
import Training
import Yams

/// `config.yaml`: every option with the value it had, in a form that `--config` takes again.
enum RunConfiguration {
  /// An option by its name, with its value: a list of texts for one that was given several times, nil for what was not given.
  typealias Setting = (name: String, value: (any CustomStringConvertible)?)

  /// Writes `config.yaml` into the folder of a run.
  static func write(_ settings: [Setting], to folder: RunFolder) throws {
    let pairs = settings.compactMap { name, value in value.map { (Node(name), node($0)) } }
    let text = try Yams.serialize(node: .mapping(Node.Mapping(pairs)))
    try writeAtomically(Data(text.utf8), to: folder.file("config.yaml"))
  }

  /// What must be the same on all ranks of a job, by option.
  static func agreement(on settings: [Setting], _ placement: Placement) -> [String: String] {
    // By its bytes: hosts have copies of it, written at different times.
    let program = Training.contentHash(ofFile: Program.location)
    var facts = ["program": Version.number, "program file": program ?? "unknown", "LibTorch": Runtime.version]
    facts["precision"] = placement.type.rawValue
    for (name, value) in settings where !mayDiffer.contains(name) { facts["--" + name] = value?.description }
    return facts
  }

  private static func node(_ value: any CustomStringConvertible) -> Node {
    if let texts = value as? [String] {
      return texts.count == 1 ? node(texts[0]) : Node(texts.map(node), Tag(.seq), .block)
    }
    if let text = value as? String {
      // A path may look like a number or a truth value; quoted it stays a text.
      let isText = Node(text).tag.description.hasSuffix("str")
      return Node(text, Tag(.str), isText ? .any : .singleQuoted)
    }
    return Node(value.description)
  }

  /// What each process of a job may have otherwise: where it finds things, and with how many threads it works.
  static let mayDiffer: Set<String> = [
    "model", "adapter", "tokenizer", "ref-model", "train-data", "eval-data", "guard-data", "sample-prompts",
    "output-dir",
    "token-cache", "ref-cache", "device",
    "threads", "tracker-python", "on-metrics",
  ]
}
