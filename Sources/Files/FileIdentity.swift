import Foundation

/// What tells a file or folder from another one that has taken its name.
public struct FileIdentity: Hashable, Sendable {
  private let device: UInt64
  private let node: UInt64

  /// That of what a path leads to; nil where there is nothing.
  public init?(of file: URL) {
    var status = stat()
    guard stat(file.path, &status) == 0 else { return nil }
    (device, node) = (UInt64(truncatingIfNeeded: status.st_dev), UInt64(status.st_ino))
  }
}
