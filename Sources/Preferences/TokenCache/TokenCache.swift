import Files
import Foundation

/// Tokens of preference files, kept between runs and shared between the processes of a job: the first process tokenizes,
/// the others wait for it, and later starts find the work done.
///
/// A cache never fails: if its folder cannot be read or written, the pairs are tokenized without it.
public struct TokenCache: Sendable {
  /// What a cache reports.
  public enum Event: Sendable, Hashable {
    /// The tokens were there.
    case found(file: String)
    /// Another process is at work on the same tokens.
    case waiting(seconds: Int, holder: String)
    /// A file was damaged, and was removed.
    case damaged(file: String, reason: String)
    /// The tokens were made, and are kept.
    case kept(file: String, bytes: Int)
    /// The tokens were made, and could not be kept.
    case notKept(reason: String)
  }

  /// Where the files are.
  public var folder: URL { files.location }
  private let files: CacheFolder

  /// A cache in a folder, which is made when it is first written to.
  ///
  /// - Parameter limit: how many bytes its files may have together; those not used for longest go first
  public init(folder: URL, limit: Int = 4 << 30) {
    files = CacheFolder(folder, suffix: ".tokens", limit: limit)
  }

  /// `tokens` among the program's caches, see `CacheFolder.standard`.
  public static func standardFolder(
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> URL? {
    CacheFolder.standard("tokens", environment: environment)
  }

  /// The tokens of a key: those that are kept, or else those that are made now, and kept.
  /// - Parameters:
  ///   - key: computes the key from the files as they are; asked again after `make`, so that what was made of files
  ///     that changed meanwhile is not kept.
  ///   - options: how pairs are treated.
  ///   - report: told what happens.
  ///   - make: reads and tokenizes.
  /// - Throws: what `make` throws.
  public func file<Failure: Error>(
    for key: () throws -> TokenCacheKey, options: PairOptions, report: (Event) -> Void = { _ in },
    make: () throws(Failure) -> TokenizedFile
  ) throws(Failure) -> TokenizedFile {
    // Files that cannot be read: making the tokens gives the better error.
    guard let known = try? key() else { return try make() }
    let file = location(of: known)
    if let found = load(file, known, options, report) { return found }
    do {
      try makeFolder(files.location)
    } catch {
      report(.notKept(reason: "\(error)"))
      return try make()
    }

    var lock: FileLock?
    defer { lock?.release() }
    let outcome = FileLock.take(files.lockPath(of: file)) {
      report(.waiting(seconds: $0, holder: $1))
    } until: {
      access(file.path, F_OK) == 0
    }
    if case .taken(let taken) = outcome { lock = taken }
    if let found = load(file, known, options, report) { return found }

    let made = try make()
    if (try? key()) != known {
      report(.notKept(reason: "the files changed while they were read"))
    } else {
      keep(made, in: file, known, report)
    }
    return made
  }

  private func location(of key: TokenCacheKey) -> URL {
    files.file(key.digest.text)
  }

  private func load(
    _ file: URL, _ key: TokenCacheKey, _ options: PairOptions, _ report: (Event) -> Void
  ) -> TokenizedFile? {
    guard let data = try? Data(contentsOf: file, options: .alwaysMapped) else { return nil }
    do {
      let found = try TokenCacheFile.decode(data, key: key, options: options)
      files.touch(file)
      report(.found(file: file.path))
      return found
    } catch {
      report(.damaged(file: file.path, reason: "\(error)"))
      unlink(file.path)
      return nil
    }
  }

  private func keep(_ made: TokenizedFile, in file: URL, _ key: TokenCacheKey, _ report: (Event) -> Void) {
    do {
      let bytes = try TokenCacheFile.bytes(of: made, key: key)
      guard bytes.count <= files.limit else {
        return report(.notKept(reason: "\(bytes.count) bytes are more than the cache may have"))
      }
      try writeAtomically(bytes, to: file)
      files.tidy(keeping: file)
      report(.kept(file: file.path, bytes: bytes.count))
    } catch {
      report(.notKept(reason: "\(error)"))
    }
  }
}
