import Foundation
import Subprocess
import Testing

/// A folder of its own for a test, removed with it.
final class Workspace: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("launcher-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path + "/stores", withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func text(_ name: String) -> String? {
    FileManager.default.contents(atPath: path + "/" + name).map { String(decoding: $0, as: UTF8.self) }
  }

  func lines(_ name: String) -> [String] { (text(name) ?? "").split(separator: "\n").map(String.init) }

  func names(in folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path + "/" + folder)) ?? []).sorted()
  }

  /// Writes a script for `sh`, which finds the workspace in `$HERE`. It is not executed as a program: while it is written,
  /// another test may fork, and a file that some process has open for writing cannot be executed.
  func script(_ body: String, named name: String = "worker") throws -> String {
    let file = path + "/" + name
    try Data((body + "\n").utf8).write(to: URL(fileURLWithPath: file))
    return file
  }

  /// An executable file that cannot be executed; written by another process, for the reason above.
  func brokenProgram() async throws -> String {
    let made = try await LauncherProgram.run(
      ["--no-python", "sh", "-c", "echo '#!/no/such/interpreter' > $HERE/broken; chmod +x $HERE/broken"], in: self)
    #expect(made.code == 0)
    return path + "/broken"
  }
}

/// The launcher, as a process of its own.
enum LauncherProgram {
  struct Outcome: Sendable {
    let status: TerminationStatus
    let output: String
    let messages: String

    /// The exit code; nil when a signal ended it.
    var code: Int32? { if case .exited(let code) = status { code } else { nil } }
    var lines: [String] { output.split(separator: "\n").map(String.init) }
  }

  struct Running: Sendable {
    let process: Int32
    func send(_ signal: Int32) { kill(process, signal) }

    /// Looks every few milliseconds until something is so; the limit of the run ends a vain wait.
    func wait(until isSo: () throws -> Bool) async throws {
      while try !isSo() { try await Task.sleep(for: .milliseconds(5)) }
    }
  }

  static func run(
    _ arguments: [String], in workspace: Workspace, environment changes: [String: String?] = [:],
    timeout: Duration = .seconds(300), meanwhile: @escaping @Sendable (Running) async throws -> Void = { _ in }
  ) async throws -> Outcome {
    try await withThrowingTaskGroup(of: Outcome.self) { group in
      group.addTask { try await child(arguments, in: workspace, environment: changes, meanwhile: meanwhile) }
      group.addTask {
        try await Task.sleep(for: timeout)
        throw TookTooLong(arguments: arguments)
      }
      defer { group.cancelAll() }
      return try #require(try await group.next())
    }
  }

  private static func child(
    _ arguments: [String], in workspace: Workspace, environment changes: [String: String?],
    meanwhile: @escaping @Sendable (Running) async throws -> Void
  ) async throws -> Outcome {
    var values: [Environment.Key: String?] = [
      "HERE": workspace.path, "LAUNCHER_FIXTURE_STORES": workspace.path + "/stores", "OMP_NUM_THREADS": nil,
      "RANK": nil, "WORLD_SIZE": nil,
    ]
    for (name, value) in changes { values[Environment.Key(stringLiteral: name)] = value }
    let result = try await Subprocess.run(
      .path(.init(executable)), arguments: Arguments(arguments), environment: .inherit.updating(values),
      workingDirectory: .init(workspace.path), input: .none, output: .string(limit: 16 << 20),
      error: .string(limit: 4 << 20)
    ) { execution in
      try await meanwhile(Running(process: Int32(execution.processIdentifier.value)))
    }
    return Outcome(
      status: result.terminationStatus, output: result.standardOutput, messages: result.standardError)
  }

  private struct TookTooLong: Error, CustomStringConvertible {
    let arguments: [String]
    var description: String { "took too long and was killed: \(arguments.joined(separator: " "))" }
  }

  /// It lies beside the test bundle, in the folder they were both built in.
  static let executable: String = {
    let arguments = CommandLine.arguments.filter { $0.contains("/") }
    let starts =
      [Bundle.main.executableURL, Bundle.main.bundleURL].compactMap(\.self) + arguments.map(URL.init(fileURLWithPath:))
    for start in starts {
      var folder = start
      for _ in 0..<5 where folder.path != "/" {
        let candidate = folder.appendingPathComponent("launcher-fixture").path
        if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
        folder.deleteLastPathComponent()
      }
    }
    return ".build/release/launcher-fixture"
  }()
}

/// Whether a process is there and not merely waiting to be forgotten.
func isAlive(_ process: Int32) -> Bool {
  guard let stat = FileManager.default.contents(atPath: "/proc/\(process)/stat"),
    let state = String(decoding: stat, as: UTF8.self).split(separator: ")").last?.split(separator: " ").first
  else { return false }
  return state != "Z" && state != "X"
}

/// A port that no process listens on, outside the range from which the system gives ports to others.
func freePort() throws -> Int {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  for _ in 0..<100 {
    if let port = boundPort(descriptor, .random(in: 15_000..<30_000)) { return port }
  }
  return try #require(nil as Int?, "no free port")
}

/// Binds a socket to the loopback interface, and returns the port.
func boundPort(_ descriptor: Int32, _ port: UInt16) -> Int? {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = port.bigEndian
  address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
  var size = socklen_t(MemoryLayout<sockaddr_in>.size)
  return withUnsafeMutablePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
      guard bind(descriptor, pointer, size) == 0, getsockname(descriptor, pointer, &size) == 0 else { return nil }
      return pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        Int(in_port_t(bigEndian: $0.pointee.sin_port))
      }
    }
  }
}
