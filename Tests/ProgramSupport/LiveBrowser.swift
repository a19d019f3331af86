import Foundation
import OrderedJSON
import Synchronization
import Testing

/// Chromium without a window, that a test drives while a page lives: over a pair of pipes, in the DevTools protocol.
package final class LiveBrowser: Sendable {
  /// Where it is; nil where there is none.
  package static let program: String? = {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
    return folders.flatMap { folder in ["chromium", "chromium-browser"].map { "\(folder)/\($0)" } }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }()

  /// Why tests that need it are skipped.
  package static let absence: Comment =
    "Chromium is not installed (Debian: apt-get install chromium), so the page is not clicked through"

  /// What went wrong with it.
  package struct Problem: Error, CustomStringConvertible {
    package let description: String
  }

  private let folder: URL
  private let process: Process
  private let (commands, answers): (Int32, Int32)
  private let queue = DispatchQueue(label: "browser")
  private let state = Mutex(State())

  private struct State {
    var number = 0
    var rest: [UInt8] = []
    var session = ""
  }

  /// Starts it, with an empty page.
  package init(width: Int = 1280, height: Int = 900) async throws {
    let chromium = try #require(Self.program)
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("browser-\(UUID().uuidString)")
    self.folder = folder
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let pipes = ["commands", "answers"].map { folder.appendingPathComponent($0).path }
    for pipe in pipes { mkfifo(pipe, 0o600) }
    // Open for both, so that neither side waits for the other.
    (commands, answers) = (open(pipes[0], O_RDWR | O_CLOEXEC), open(pipes[1], O_RDWR | O_CLOEXEC))
    process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = [
      "-c", #"exec "$@" 3<"$0/commands" 4>"$0/answers""#, folder.path, chromium,
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--lang=en",
      "--user-data-dir=\(folder.path)/profile", "--window-size=\(width),\(height)", "--remote-debugging-pipe",
    ]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    let target = try await ask("Target.createTarget", ["url": "about:blank"])
    let session = try await ask("Target.attachToTarget", ["targetId": target["targetId"] ?? .null, "flatten": true])
    state.withLock { $0.session = session["sessionId"]?.string ?? "" }
    try await resize(width: width, height: height)
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    close(commands)
    close(answers)
    try? FileManager.default.removeItem(at: folder)
  }

  /// Opens a page.
  package func show(_ url: String) async throws { _ = try await ask("Page.navigate", ["url": .string(url)]) }

  /// Gives the page another size, in pixels.
  package func resize(width: Int, height: Int) async throws {
    _ = try await ask(
      "Emulation.setDeviceMetricsOverride",
      ["width": .integer(width), "height": .integer(height), "deviceScaleFactor": 1, "mobile": false])
  }

  /// The value of an expression in the page; of a promise, what it comes to.
  package func evaluate(_ expression: String) async throws -> JSON {
    let answer = try await ask(
      "Runtime.evaluate", ["expression": .string(expression), "awaitPromise": true, "returnByValue": true])
    if let problem = answer["exceptionDetails"] {
      throw Problem(description: problem["exception"]?["description"]?.string ?? problem.serialized())
    }
    return answer["result"]?["value"] ?? .null
  }

  /// Waits until an expression in the page is true.
  package func wait(
    for seconds: Double = 600, until expression: String, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
      // While a page is loaded anew, there may be nothing to ask.
      if let value = try? await evaluate("!!(\(expression))"), value == true { return }
      try await Task.sleep(for: .milliseconds(50))
    }
    let text = (try? await evaluate("document.body.innerText"))?.string ?? ""
    Issue.record("never so: \(expression). The page: \(text.prefix(1500))", sourceLocation: sourceLocation)
    throw Problem(description: "never so: \(expression)")
  }

  // MARK: - The protocol

  private func ask(_ method: String, _ parameters: JSON) async throws -> JSON {
    try await withCheckedThrowingContinuation { done in
      queue.async { done.resume(with: Result { try self.exchange(method, parameters) }) }
    }
  }

  /// Messages are JSON, each ended by a zero byte.
  private func exchange(_ method: String, _ parameters: JSON) throws -> JSON {
    let (number, session) = state.withLock { state in
      state.number += 1
      return (state.number, state.session)
    }
    var message: JSON.Object = ["id": .integer(number), "method": .string(method), "params": parameters]
    if !session.isEmpty { message["sessionId"] = .string(session) }
    var bytes = Array(JSON.object(message).serialized().utf8) + [0]
    while !bytes.isEmpty {
      let count = write(commands, bytes, bytes.count)
      guard count > 0 else { throw Problem(description: "Chromium hears nothing: \(String(cString: strerror(errno)))") }
      bytes.removeFirst(count)
    }
    while true {
      let answer = try JSON(parsing: Data(try next()))
      guard answer["id"]?.int == number else { continue }
      if let error = answer["error"] { throw Problem(description: "\(method): \(error.serialized())") }
      return answer["result"] ?? .null
    }
  }

  private func next() throws -> [UInt8] {
    var rest = state.withLock(\.rest)
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      if let end = rest.firstIndex(of: 0) {
        let message = Array(rest[..<end])
        state.withLock { $0.rest = Array(rest[(end + 1)...]) }
        return message
      }
      var waiting = pollfd(fd: answers, events: Int16(POLLIN), revents: 0)
      let ready = poll(&waiting, 1, 600_000)
      // The end of another test's child may interrupt the wait.
      if ready < 0, errno == EINTR { continue }
      guard ready == 1 else { throw Problem(description: "Chromium says nothing") }
      let count = read(answers, &piece, piece.count)
      guard count > 0 else { throw Problem(description: "Chromium is gone") }
      rest += piece[..<count]
    }
  }
}
