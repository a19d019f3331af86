import Foundation
import OrderedJSON
import Synchronization

/// A command of the user's that scores answers: JSON lines in, a number a line out. Its messages go where this program's go.
final class ScoreCommand {
  private let command: String
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()

  /// Starts the command.
  ///
  /// - Throws: `Failure` where there is no shell to run it
  init(_ command: String) throws {
    self.command = command
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", command]
    process.standardInput = input
    process.standardOutput = output
    // The command inherits what is ignored, and is to be ended by SIGPIPE as any filter is.
    signal(SIGPIPE, SIG_DFL)
    defer { signal(SIGPIPE, SIG_IGN) }
    do {
      try process.run()
    } catch {
      throw Failure(.unavailable, "--score-command: cannot start /bin/sh: \(error.localizedDescription)")
    }
  }

  deinit {
    if process.isRunning { process.terminate() }
  }

  /// Fails where the command has ended before it was asked anything.
  func requireRunning() throws {
    guard !process.isRunning else { return }
    throw failure("ended before it read an answer, with \(ending). It must read standard input to its end.")
  }

  /// The score of each line, in order.
  ///
  /// - Parameters:
  ///   - lines: what the command reads; written by another thread, so that neither side waits for the other's reading
  ///   - isStopped: looked at while the command works
  /// - Returns: nil where it was stopped
  /// - Throws: `Failure` for a command that fails, or prints something else than a number for each line
  func scores(of lines: [JSON], isStopped: () -> Bool) throws -> [Double]? {
    let text = Data(lines.map { $0.serialized() + "\n" }.joined().utf8)
    let (writing, reading) = (input.fileHandleForWriting.fileDescriptor, output.fileHandleForReading.fileDescriptor)
    let isWritten = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      Self.write(text, to: writing)
      isWritten.signal()
    }
    guard let printed = Self.read(reading, isStopped: isStopped) else { return nil }
    process.waitUntilExit()
    isWritten.wait()
    guard process.terminationStatus == 0, process.terminationReason == .exit else {
      throw failure("ended with \(ending). Its messages are above.")
    }
    return try numbers(in: printed, count: lines.count)
  }

  // MARK: - Pipes

  /// Writes and closes. A reader that has gone shows in the scores that are missing.
  private static func write(_ bytes: Data, to descriptor: Int32) {
    bytes.withUnsafeBytes { buffer in
      var rest = buffer[...]
      while !rest.isEmpty {
        let count = Foundation.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if count < 0, errno == EINTR { continue }
        if count <= 0 { break }
        rest = rest.dropFirst(count)
      }
    }
    close(descriptor)
  }

  /// Everything until the command closes its output; nil where it was stopped.
  private static func read(_ descriptor: Int32, isStopped: () -> Bool) -> Data? {
    var all = Data()
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      if isStopped() { return nil }
      guard poll(&wait, 1, 100) > 0 else { continue }
      let count = Foundation.read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      if count <= 0 { return all }
      all.append(contentsOf: buffer[..<count])
    }
  }

  // MARK: - Numbers

  private func numbers(in printed: Data, count: Int) throws -> [Double] {
    var lines = printed.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    // What follows the last line feed is no line.
    if lines.last?.allSatisfy({ [0x20, 0x0D].contains($0) }) ?? false { lines.removeLast() }
    var scores: [Double] = []
    for (index, line) in lines.enumerated() {
      let text = String(decoding: line, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
      let json = try? JSON(parsing: text)
      guard let score = json?.double ?? json?["score"]?.double, score.isFinite else {
        let shown = text.count > 80 ? text.prefix(80) + "…" : text[...]
        throw failure(
          "printed \"\(shown)\" in line \(index + 1); expected a number, or {\"score\": number}. What is not a score "
            + "belongs on standard error.")
      }
      scores.append(score)
    }
    guard scores.count == count else {
      throw failure(
        "printed \(scores.count) lines for \(count) answers; expected a number for each, in the same order.")
    }
    return scores
  }

  private var ending: String {
    process.terminationReason == .exit
      ? "exit code \(process.terminationStatus)" : "signal \(process.terminationStatus)"
  }

  private func failure(_ words: String) -> Failure { Failure(.badData, "--score-command '\(command)' \(words)") }
}
