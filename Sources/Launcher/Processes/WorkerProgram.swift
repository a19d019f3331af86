import Foundation

/// What the workers run.
public struct WorkerProgram: Hashable, Sendable {
  /// Path of the executable.
  public let path: String
  /// All arguments, the name first.
  public let arguments: [String]

  /// Takes a path and all arguments, the name first.
  public init(path: String, arguments: [String]) {
    self.path = path
    self.arguments = arguments
  }

  /// What the words after `launch`'s options mean: a command of this program, or with `--no-python` any executable.
  ///
  /// - Parameters:
  ///   - options: the worker's words and `--no-python`
  ///   - commands: this program's commands
  ///   - environment: for `PATH`
  /// - Throws: ``LaunchError`` for what cannot be started
  public init(
    _ options: LaunchOptions, commands: [String], environment: [String: String]
  ) throws(LaunchError) {
    guard let name = options.worker.first else { throw .usage("launch needs a command to start.") }
    if options.startsAnyProgram {
      self.init(
        path: try Self.find(name, environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"), arguments: options.worker)
      return
    }
    if name.hasSuffix(".py") {
      throw .usage(
        "\(name) is a Python script, which torchrun starts. Here the trainer is a command: launch … train …, with the "
          + "script's options; any executable can be started with launch --no-python.")
    }
    guard commands.contains(name) else {
      throw .usage(
        "\(name) is not a command that runs in several processes (\(commands.joined(separator: ", "))). Another program is "
          + "started with launch --no-python \(name).")
    }
    self.init(path: Self.ownPath, arguments: [CommandLine.arguments.first ?? "minimind-dpo"] + options.worker)
  }

  /// The file that this process runs, even if it was replaced in the meantime.
  private static var ownPath: String {
    let link = "/proc/self/exe"
    guard let path = try? FileManager.default.destinationOfSymbolicLink(atPath: link),
      FileManager.default.isExecutableFile(atPath: path)
    else { return link }
    return path
  }

  /// As a shell would: names without a slash are looked for in the folders of PATH.
  private static func find(_ name: String, _ path: String) throws(LaunchError) -> String {
    func isProgram(_ path: String) -> Bool {
      var isFolder: ObjCBool = false
      return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
        && FileManager.default.isExecutableFile(atPath: path)
    }
    if name.contains("/") {
      guard FileManager.default.fileExists(atPath: name) else {
        throw LaunchError(.missingInput, "\(name): no such file.")
      }
      guard isProgram(name) else {
        throw LaunchError(.missingInput, "\(name) is not an executable file (chmod +x \(name)?).")
      }
      return name
    }
    for folder in path.split(separator: ":") where isProgram("\(folder)/\(name)") { return "\(folder)/\(name)" }
    throw LaunchError(
      .missingInput, "\(name): no such program in the folders of PATH. A program in this folder is ./\(name).")
  }
}
