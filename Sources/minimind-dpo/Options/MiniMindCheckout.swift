import Foundation

/// The folders of a MiniMind checkout as its scripts name them, from the folder `trainer/` that they run in; and from the
/// checkout itself, where `../out` is called `out`.
struct MiniMindCheckout {
  /// The folder that relative paths go from.
  var folder = URL(fileURLWithPath: FileManager.default.currentDirectoryPath, isDirectory: true)

  private func location(_ path: String) -> URL { URL(fileURLWithPath: path, relativeTo: folder) }

  /// Whether there is something at a path.
  func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: location(path).path) }

  /// A path as it was given; or without its `../` where only that is there, or would be, for someone who is in the checkout
  /// and not in its `trainer/`.
  func path(_ given: String) -> String {
    guard given.hasPrefix("../"), !exists(given) else { return given }
    let inCheckout = String(given.dropFirst(3))
    return exists(inCheckout) || exists("trainer") ? inCheckout : given
  }

  /// The checkout's own tokenizer; nil where there is none, so that one beside the model is looked for.
  func tokenizer(besides saves: String) -> String? {
    [path("../model"), saves + "/../model"].first { exists($0 + "/tokenizer.json") }
  }

  /// The weight files in a folder.
  func weightFiles(in folder: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: location(folder).path)) ?? []
    return names.filter { $0.hasSuffix(".pth") }.sorted().map { folder + "/" + $0 }
  }

  /// When a file was written, in seconds since 1970; 0 where there is none.
  func written(_ path: String) -> Double {
    let attributes = try? FileManager.default.attributesOfItem(atPath: location(path).path)
    return (attributes?[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
  }

  /// Whether a run's folder has something to go on from.
  func holdsCheckpoint(_ run: String) -> Bool {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: location(run).path)) ?? []
    return names.contains { $0.hasPrefix("checkpoint-") }
  }
}
