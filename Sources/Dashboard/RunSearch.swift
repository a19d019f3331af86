import Foundation

/// Finds the runs in a folder: the folder itself, and folders in it, a few levels deep, as a sweep's trials are.
struct RunSearch {
  /// A folder that holds a run.
  struct Found: Hashable {
    /// What it is called: the path from the folder that is watched, or that folder's own name.
    let name: String
    let location: URL
  }

  let root: URL
  /// Folders below are not looked into: somebody may have named their home.
  private static let depth = 3
  private static let folderLimit = 2000
  /// Files by which a run is known: its numbers, or, before there are any, what it runs on.
  private static let marks = ["metrics.jsonl", "environment.json"]

  /// All runs, in the order of their names.
  func runs() -> [Found] {
    var found: [Found] = []
    var looked = 0
    func search(_ folder: URL, _ path: [String]) {
      looked += 1
      guard looked <= Self.folderLimit else { return }
      let manager = FileManager.default
      if Self.marks.contains(where: { manager.fileExists(atPath: folder.appendingPathComponent($0).path) }) {
        let own = root.standardizedFileURL.resolvingSymlinksInPath().lastPathComponent
        found.append(Found(name: path.isEmpty ? own : path.joined(separator: "/"), location: folder))
      }
      guard path.count < Self.depth else { return }
      for name in Self.subfolders(of: folder) {
        search(folder.appendingPathComponent(name, isDirectory: true), path + [name])
      }
    }
    search(root, [])
    return found
  }

  /// Folders that may hold runs: neither hidden ones, nor checkpoints, nor links, which may lead in a circle.
  private static func subfolders(of folder: URL) -> [String] {
    guard let listing = opendir(folder.path) else { return [] }
    defer { closedir(listing) }
    var names: [String] = []
    while let entry = readdir(listing) {
      let isFolder = entry.pointee.d_type == UInt8(DT_DIR)
      let mayBe = entry.pointee.d_type == UInt8(DT_UNKNOWN)
      guard isFolder || mayBe else { continue }
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.hasPrefix(".") || name.hasPrefix("checkpoint-") { continue }
      names.append(name)
    }
    return names.sorted()
  }
}
