import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("chat at a terminal", .serialized)
struct ChatTerminalTests {
  let workspace: Workspace

  init() throws { workspace = try Workspace() }

  @Test("It says which model answers, edits lines, answers mistyped commands, and remembers lines for the next time")
  func conversation() async throws {
    let terminal = try PseudoTerminal(
      ["chat", "--model", Checkout.demo, "--temperature", "0", "--lang", "en"], in: workspace)
    try await terminal.wait(for: "> ")
    #expect(terminal.text.contains("Demo: qwen3, ") && terminal.text.contains("/help lists the commands"))
    // Two wide characters are typed and taken back.
    try terminal.send("你好\u{7F}\u{7F}/hepl\r")
    try await terminal.wait(for: "Did you mean /help?")
    try terminal.send("What is the capital of Poland\u{1B}[D\u{1B}[D\u{05}?\r")
    try await terminal.wait(for: "Poland.", after: "Poland?\n")
    #expect(!terminal.text.contains("\u{FFFD}"))
    // The same line again by the history.
    try terminal.send("\u{1B}[A\r")
    try await terminal.wait(count: 2, of: "capital of Poland?\n")
    try terminal.send("/quit\r")
    #expect(try await terminal.end() == 0)
    let history = try workspace.text("state/minimind-dpo/history")
    #expect(history == "/hepl\nWhat is the capital of Poland?\n/quit\n")
  }

  @Test("Ctrl-C ends an answer and not the program; twice at an empty line ends the program")
  func interrupt() async throws {
    // Random weights go on and on, in a context that takes very long to fill.
    var shape = try #require(TinyModel.configuration().object)
    shape["max_position_embeddings"] = 1_000_000
    try workspace.write(JSON.object(shape).serialized(), to: "long.json")
    try await Program.succeed(
      ["init", "--model-config", "long.json", "--tokenizer", Checkout.demo, "--to", "model"], in: workspace)
    let terminal = try PseudoTerminal(
      ["chat", "--model", "model", "--max-new-tokens", "900000", "--lang", "en"], in: workspace)
    try await terminal.wait(for: "> ")
    try terminal.send("Hi\r")
    try await terminal.wait(forText: 8, after: "Hi\n")
    terminal.interrupt()
    try await terminal.wait(for: "(stopped)")
    try terminal.send("\u{03}")
    try await terminal.wait(for: "(Ctrl-C once more")
    try terminal.send("\u{03}")
    #expect(try await terminal.end() == 0)
  }
}

/// The program at a terminal of its own.
private final class PseudoTerminal: @unchecked Sendable {
  private let primary: Int32
  private let process = Process()
  private var bytes: [UInt8] = []

  init(_ arguments: [String], in workspace: Workspace, columns: UInt16 = 200) throws {
    // What posix_openpt, unlockpt and ptsname do on Linux; Swift does not see these.
    primary = open("/dev/ptmx", O_RDWR | O_NOCTTY)
    var (number, lock): (UInt32, Int32) = (0, 0)
    _ = ioctl(primary, 0x4004_5431, &lock)
    _ = ioctl(primary, 0x8004_5430, &number)
    var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    let secondary = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
    try #require(secondary >= 0)
    _ = ioctl(secondary, UInt(TIOCSWINSZ), &size)
    let handle = FileHandle(fileDescriptor: secondary, closeOnDealloc: true)
    _ = fcntl(primary, F_SETFL, O_NONBLOCK)
    process.executableURL = Program.executable
    process.arguments = arguments
    process.currentDirectoryURL = workspace.url
    process.environment = ProcessInfo.processInfo.environment.merging([
      "TERM": "xterm", "XDG_STATE_HOME": workspace.path("state"), "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8",
      "CUDA_VISIBLE_DEVICES": "", "NO_COLOR": "1",
    ]) { $1 }
    (process.standardInput, process.standardOutput, process.standardError) = (handle, handle, handle)
    try process.run()
  }

  deinit {
    if process.isRunning { process.terminate() }
    close(primary)
  }

  /// What has come so far, without returns: the terminal's driver adds some of its own.
  var text: String {
    var piece = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(primary, &piece, piece.count)
      guard count > 0 else { return String(decoding: bytes.filter { $0 != 0x0D }, as: UTF8.self) }
      bytes += piece[..<count]
    }
  }

  func send(_ text: String) throws {
    let bytes = Array(text.utf8)
    try #require(write(primary, bytes, bytes.count) == bytes.count)
  }

  /// What the terminal's driver does at Ctrl-C where it is the program's own.
  func interrupt() { kill(process.processIdentifier, SIGINT) }

  /// Waits until a text has come, after the last place of another one.
  func wait(for words: String, after start: String = "") async throws {
    try await wait {
      let text = self.text
      let first = start.isEmpty ? text.startIndex : text.range(of: start, options: .backwards)?.upperBound
      return first.map { text[$0...].contains(words) } ?? false
    }
  }

  /// Waits until so many characters have come after the last place of a text.
  func wait(forText count: Int, after start: String) async throws {
    try await wait {
      let text = self.text
      return text.range(of: start, options: .backwards).map { text[$0.upperBound...].count >= count } ?? false
    }
  }

  func wait(count: Int, of words: String) async throws {
    try await wait { self.text.components(separatedBy: words).count > count }
  }

  private func wait(until isSo: () -> Bool) async throws {
    for _ in 0..<30_000 {
      if isSo() { return }
      try #require(process.isRunning, "it ended: \(text.debugDescription)")
      try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("never so: \(text.suffix(2000).debugDescription)")
  }

  /// How the program ended.
  func end() async throws -> Int32 {
    while process.isRunning {
      _ = text
      try await Task.sleep(for: .milliseconds(10))
    }
    return process.terminationStatus
  }
}
