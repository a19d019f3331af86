import Files
import Foundation

/// Log-probabilities of reference models, kept between runs: a file for each model and way of computing, to which every
/// run adds the pairs that were not in it.
///
/// A cache never fails: what cannot be read is computed again, and what cannot be written is not kept. Several processes may
/// use it at once.
public struct ReferenceCache: Sendable {
  /// What a cache reports.
  public enum Event: Sendable, Hashable {
    /// A file was damaged, and was removed.
    case damaged(file: String, reason: String)
    /// Results were added to a file.
    case kept(file: String, pairs: Int, bytes: Int)
    /// Results could not be kept.
    case notKept(reason: String)
  }

  /// Where the files are.
  public var folder: URL { files.location }
  private let files: CacheFolder
  private let program: String

  /// A cache in a folder, which is made when it is first written to.
  ///
  /// - Parameters:
  ///   - program: what tells this program from another that might compute other numbers
  ///   - limit: how many bytes its files may have together; those not used for longest go first
  public init(folder: URL, program: String, limit: Int = 1 << 30) {
    files = CacheFolder(folder, suffix: ".reference", limit: limit)
    self.program = program
  }

  /// `reference` among the program's caches, see `CacheFolder.standard`.
  public static func standardFolder() -> URL? { CacheFolder.standard("reference") }

  /// The key of a file: all that decides the numbers, apart from the pair.
  ///
  /// - Parameters:
  ///   - model: what the model is: its weights and its shape
  ///   - variant: how its log-probabilities are computed
  func key(model: String, variant: String) -> SHA256.Digest {
    let text = "reference \(ReferenceCacheFile.formatVersion)\nprogram \(program)\n\(model)\n\(variant)"
    return Array(text.utf8).withUnsafeBytes { SHA256.digest(of: $0) }
  }

  /// What is known under a key.
  func records(_ key: SHA256.Digest, report: (Event) -> Void) -> ReferenceCacheFile.Records {
    let file = files.file(key.description)
    guard let data = try? Data(contentsOf: file, options: .alwaysMapped) else { return [:] }
    do {
      let records = try ReferenceCacheFile.records(in: data, key: key)
      files.touch(file)
      return records
    } catch {
      report(.damaged(file: file.path, reason: "\(error)"))
      unlink(file.path)
      return [:]
    }
  }

  /// Adds what is not known yet; what another process added meanwhile stays.
  func add(_ new: ReferenceCacheFile.Records, _ key: SHA256.Digest, report: (Event) -> Void) {
    if new.isEmpty { return }
    let file = files.file(key.description)
    do {
      try makeFolder(files.location)
      // Without a lock, on a file system that has none, two writers may lose each other's results, which are then computed
      // again; the file is whole in any case.
      let outcome = FileLock.take(files.lockPath(of: file), waiting: { _, _ in }, until: { false })
      defer { if case .taken(let lock) = outcome { lock.release() } }
      var all = records(key, report: report).merging(new) { old, _ in old }
      func size() -> Int { ReferenceCacheFile.headerSize + all.count * ReferenceCacheFile.recordSize }
      // A model that met so many pairs keeps the newest.
      if size() > files.limit { all = new }
      guard size() <= files.limit else {
        return report(.notKept(reason: "\(size()) bytes are more than the cache may have"))
      }
      try writeAtomically(ReferenceCacheFile.bytes(of: all, key: key), to: file)
      files.tidy(keeping: file)
      report(.kept(file: file.path, pairs: all.count, bytes: size()))
    } catch {
      report(.notKept(reason: "\(error)"))
    }
  }
}
