import Foundation

/// A folder of files that save work and may go at any time, because what is in them can be made again.
public struct CacheFolder: Sendable {
  /// Where the files are; made when something is first written to it.
  public let location: URL
  /// How the names of the cache's own files end; others are left alone.
  public let suffix: String
  /// How many bytes they may have together; those not used for longest go first.
  public let limit: Int

  /// A cache in a folder.
  public init(_ location: URL, suffix: String, limit: Int) {
    (self.location, self.suffix, self.limit) = (location, suffix, limit)
  }

  /// A folder of this name where the environment says that caches are: in `MINIMIND_DPO_CACHE`, else in `minimind-dpo` in
  /// `XDG_CACHE_HOME`, else in `~/.cache/minimind-dpo`. Nil where there is no home either, or `MINIMIND_DPO_CACHE` is `off`.
  public static func standard(
    _ name: String, environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> URL? {
    func path(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    let root: URL
    if let named = path("MINIMIND_DPO_CACHE") {
      guard named != "off" else { return nil }
      root = URL(fileURLWithPath: named, isDirectory: true)
    } else if let caches = path("XDG_CACHE_HOME"), caches.hasPrefix("/") {
      root = URL(fileURLWithPath: caches, isDirectory: true).appendingPathComponent("minimind-dpo")
    } else if let home = path("HOME") {
      root = URL(fileURLWithPath: home, isDirectory: true).appendingPathComponent(".cache/minimind-dpo")
    } else {
      return nil
    }
    return root.appendingPathComponent(name, isDirectory: true)
  }

  /// The file of a name without its ending.
  public func file(_ name: String) -> URL { location.appendingPathComponent(name + suffix) }

  /// The path of the lock on a file.
  public func lockPath(of file: URL) -> String { file.path + ".lock" }

  /// Marks a file as used just now.
  public func touch(_ file: URL) { utimes(file.path, nil) }

  /// Removes the files that were not used for longest until the others are within the limit, and what dead writers left.
  ///
  /// - Parameter kept: the file that stays in any case
  public func tidy(keeping kept: URL) {
    var files: [(path: String, size: Int, used: Int)] = []
    AtomicDirectory.removeLeftovers(in: location)
    for name in (try? FileManager.default.contentsOfDirectory(atPath: location.path)) ?? []
    where name.hasSuffix(suffix) {
      let path = location.appendingPathComponent(name).path
      var status = stat()
      guard lstat(path, &status) == 0 else { continue }
      #if canImport(Darwin)
        let used = status.st_mtimespec.tv_sec
      #else
        let used = status.st_mtim.tv_sec
      #endif
      files.append((path, Int(status.st_size), used))
    }
    var total = files.reduce(0) { $0 + $1.size }
    for file in files.sorted(by: { ($0.used, $0.path) < ($1.used, $1.path) }) where total > limit {
      guard file.path != kept.path else { continue }
      unlink(file.path)
      total -= file.size
    }
  }
}
