import Foundation
import Yams

/// Which models a conversation is with, where the command line leaves it open.
enum ChatModels {
  /// The newest of MiniMind's DPO weight files, `out/dpo_*.pth`, in a checkout or beside its `trainer/`; nil for none.
  static func newestWeights(_ checkout: MiniMindCheckout = MiniMindCheckout()) -> String? {
    let folder = checkout.path("../out")
    let files = checkout.weightFiles(in: folder).filter { URL(fileURLWithPath: $0).lastPathComponent.hasPrefix("dpo_") }
    return files.map { ($0, checkout.written($0)) }.max { ($0.1, $0.0) < ($1.1, $1.0) }?.0
  }

  static let noModel = Failure(
    .usage,
    "--model is missing: name a model folder or a weight file. In a MiniMind checkout the newest out/dpo_*.pth is taken, but "
      + "there is none here.")

  /// What a model was trained from: the model that the run's `config.yaml` names, or `full_sft_*.pth` beside a `dpo_*.pth`;
  /// nil where neither is there.
  static func reference(of path: String) -> String? {
    let location = URL(fileURLWithPath: path)
    let name = location.lastPathComponent
    if name.hasPrefix("dpo_"), name.hasSuffix(".pth") {
      let start = "full_sft_" + name.dropFirst("dpo_".count)
      let file = (path as NSString).deletingLastPathComponent as NSString
      let found = file.appendingPathComponent(start)
      return FileManager.default.fileExists(atPath: found) ? found : nil
    }
    let file = location.appendingPathComponent("config.yaml").path
    guard let data = FileManager.default.contents(atPath: file),
      let options = try? Yams.compose(yaml: String(decoding: data, as: UTF8.self))?.mapping
    else { return nil }
    let named = ["ref-model", "model"].lazy.compactMap { options[$0]?.string }.first
    guard let named, FileManager.default.fileExists(atPath: named) else { return nil }
    return named
  }
}
