import Foundation

/// A stand-in for NVIDIA's `libnvidia-ml.so.1` with known answers (Tests/FakeNVML/nvml.c), in a folder of its own.
package final class FakeNVML: Sendable {
  /// For `LD_LIBRARY_PATH`.
  package let folder: URL
  /// The library itself.
  package var library: String { folder.appendingPathComponent("libnvidia-ml.so.1").path }

  /// Whether there is a compiler to make it with: where tests only run, there may be none.
  package static let canBeMade: Bool = {
    let search = Process()
    search.executableURL = URL(fileURLWithPath: "/bin/sh")
    search.arguments = ["-c", "command -v clang || command -v cc"]
    search.standardOutput = FileHandle.nullDevice
    guard (try? search.run()) != nil else { return false }
    search.waitUntilExit()
    return search.terminationStatus == 0
  }()

  /// Compiles it.
  ///
  /// - Parameter definitions: what is to be different, such as `DEVICES=1`
  package init(_ definitions: String...) throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("fake-nvml-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let source = Checkout.root.appendingPathComponent("Tests/FakeNVML/nvml.c").path
    let compiler = Process()
    compiler.executableURL = URL(fileURLWithPath: "/bin/sh")
    // The toolchain that built the tests has clang.
    compiler.arguments =
      ["-c", #"exec "$(command -v clang || command -v cc)" "$@""#, "sh"]
      + ["-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-O0", source, "-o", library]
      + definitions.map { "-D" + $0 }
    try compiler.run()
    compiler.waitUntilExit()
    guard compiler.terminationStatus == 0 else { throw NotCompiled(definitions: definitions) }
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  private struct NotCompiled: Error {
    let definitions: [String]
  }
}
