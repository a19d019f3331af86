import Foundation

/// The running program itself.
enum Program {
  /// The file it was started from, also when the shell found it on the PATH or through a link.
  static var location: URL {
    let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return URL(fileURLWithPath: path ?? CommandLine.arguments[0]).resolvingSymlinksInPath()
  }

  /// What tells this build from others, for what is kept between runs: its version, and when its file was written.
  static var identity: String {
    var status = stat()
    guard stat(location.path, &status) == 0 else { return Version.text }
    #if canImport(Darwin)
      let written = status.st_mtimespec
    #else
      let written = status.st_mtim
    #endif
    return "\(Version.text), \(status.st_size) bytes of \(written.tv_sec).\(written.tv_nsec)"
  }
}
