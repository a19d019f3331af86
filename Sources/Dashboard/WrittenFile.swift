import Foundation

/// A small file that others write as a whole, read again only where it has changed.
struct WrittenFile {
  private let path: String
  private var seen: (size: Int64, seconds: Int, nanoseconds: Int, inode: UInt64)?
  /// What is larger is not read: it is none of ours.
  private static let limit = 8 << 20

  init(_ file: URL) { path = file.path }

  /// How long ago it was written, in seconds; nil where there is none.
  private(set) var age: Double?

  /// Looks whether the file has changed.
  ///
  /// - Returns: nil where it has not; else its bytes, or `.some(nil)` where there is none any more
  mutating func look() -> Data?? {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= Self.limit else {
      age = nil
      guard seen != nil else { return nil }
      seen = nil
      return .some(nil)
    }
    let written = Date(
      timeIntervalSince1970: Double(status.st_mtim.tv_sec) + Double(status.st_mtim.tv_nsec) / 1e9)
    age = max(0, Date().timeIntervalSince(written))
    let now = (Int64(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec, UInt64(status.st_ino))
    if let seen, seen == now { return nil }
    guard let bytes = try? Data(contentsOf: URL(fileURLWithPath: path)) else { return nil }
    seen = now
    return .some(bytes)
  }
}
