import Foundation

/// The running program itself.
enum Program {
  /// The file it was started from, also when the shell found it on the PATH or through a link.
  static var location: URL {
    let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return URL(fileURLWithPath: path ?? CommandLine.arguments[0]).resolvingSymlinksInPath()
  }
}
