import Foundation
import ProgramSupport
import Subprocess
import Synchronization
import Testing

/// A program that runs beside the test. Its output goes to files, so that it can be read before it has ended.
final class StartedProcess: Sendable {
  /// Its process id.
  let id: Int32
  private let words: [String]
  private let files: (output: String, messages: String)
  private let ending: Ending

  private final class Ending: Sendable {
    let status = Mutex<TerminationStatus?>(nil)
  }

  /// - Parameters:
  ///   - program: a path, or a name that is looked for in PATH
  ///   - folder: to run in
  ///   - files: for standard output and standard error
  init(
    _ program: String, _ words: [String], environment: Environment, folder: URL,
    files: (output: String, messages: String)
  ) async throws {
    (self.words, self.files) = (words, files)
    let output = try Self.created(files.output)
    let messages = try Self.created(files.messages)
    let (started, continuation) = AsyncThrowingStream.makeStream(of: Int32.self)
    let ending = Ending()
    self.ending = ending
    Task {
      do {
        let result = try await Subprocess.run(
          program.contains("/") ? .path(.init(program)) : .name(program), arguments: Arguments(words),
          environment: environment, workingDirectory: .init(folder.path), input: .none,
          output: .fileDescriptor(.init(rawValue: output), closeAfterSpawningProcess: true),
          error: .fileDescriptor(.init(rawValue: messages), closeAfterSpawningProcess: true)
        ) { execution in
          continuation.yield(Int32(execution.processIdentifier.value))
          continuation.finish()
        }
        ending.status.withLock { $0 = result.terminationStatus }
      } catch {
        continuation.finish(throwing: error)
      }
    }
    var ids = started.makeAsyncIterator()
    id = try #require(try await ids.next())
  }

  private static func created(_ path: String) throws -> Int32 {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    return descriptor
  }

  /// Standard output so far.
  var output: String { Self.text(files.output) }
  /// Standard error so far.
  var messages: String { Self.text(files.messages) }

  private static func text(_ path: String) -> String {
    String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
  }

  /// Whether it has not ended.
  var isRunning: Bool { ending.status.withLock { $0 == nil } }

  /// Sends it a signal, if it has not ended.
  func send(_ signal: Int32) {
    if isRunning { kill(id, signal) }
  }

  /// Waits for words among its messages.
  func says(_ words: String, within limit: Duration = .seconds(300), sourceLocation: SourceLocation = #_sourceLocation)
    async throws
  {
    try await eventually(
      "“\(words)” is said", within: limit, details: { "\(self.words.joined(separator: " "))\n\(self.messages)" },
      sourceLocation: sourceLocation
    ) { messages.contains(words) || !isRunning }
    try #require(messages.contains(words), "it ended without a word of it", sourceLocation: sourceLocation)
  }

  /// How it ended, waited for.
  func outcome(within limit: Duration = .seconds(300), sourceLocation: SourceLocation = #_sourceLocation) async throws
    -> Program.Outcome
  {
    try await eventually(
      "the program ends", within: limit, details: { "\(self.words.joined(separator: " "))\n\(self.messages)" },
      sourceLocation: sourceLocation
    ) { !isRunning }
    let status = try #require(ending.status.withLock { $0 })
    return Program.Outcome(status: status, output: output, messages: messages)
  }

  /// The same of one that has to succeed.
  @discardableResult
  func succeeds(within limit: Duration = .seconds(300), sourceLocation: SourceLocation = #_sourceLocation) async throws
    -> Program.Outcome
  {
    let outcome = try await outcome(within: limit, sourceLocation: sourceLocation)
    try #require(
      outcome.code == 0, "\(words.joined(separator: " ")): \(outcome.status)\n\(outcome.messages)",
      sourceLocation: sourceLocation)
    return outcome
  }
}

/// Looks every few milliseconds until something is so.
///
/// - Parameters:
///   - what: is to be so, for the message of a vain wait
///   - details: of what is so instead
/// - Returns: how long it took
@discardableResult
func eventually(
  _ what: String, within limit: Duration = .seconds(300), details: () -> String = { "" },
  sourceLocation: SourceLocation = #_sourceLocation, _ isSo: () throws -> Bool
) async throws -> Duration {
  let clock = ContinuousClock()
  let started = clock.now
  while true {
    let isLate = clock.now - started > limit
    if try isSo() { return clock.now - started }
    try #require(!isLate, "within \(limit): \(what). \(details())", sourceLocation: sourceLocation)
    try await Task.sleep(for: .milliseconds(10))
  }
}
