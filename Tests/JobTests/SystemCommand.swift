import Foundation

/// A program of the system's that does something at once.
enum SystemCommand {
  struct Failed: Error, CustomStringConvertible {
    let words: [String]
    let output: String
    var description: String { "\(words.joined(separator: " ")): \(output)" }
  }

  /// Runs it to its end.
  ///
  /// - Returns: what it says
  /// - Throws: `Failed` when it does not succeed
  @discardableResult
  static func run(_ program: String, _ words: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = words
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let output = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failed(words: [program] + words, output: output) }
    return output
  }
}
