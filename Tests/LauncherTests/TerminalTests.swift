import Foundation
import Launcher
import Synchronization
import Testing

@Suite("On a terminal")
struct TerminalTests {
  let workspace: Workspace

  init() throws { workspace = try Workspace() }

  /// Runs the launcher in this process on a terminal of 60 columns, and returns all that came there.
  private func shown(_ options: String, _ script: String) async throws -> String {
    // Swift's Glibc has no posix_openpt; these are Linux's calls below it (TIOCSPTLCK, TIOCGPTN).
    let terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    var locked: Int32 = 0
    var number: Int32 = 0
    let isReady = ioctl(terminal, 0x4004_5431, &locked) == 0 && ioctl(terminal, 0x8004_5430, &number) == 0
    try #require(isReady)
    let name = "/dev/pts/\(number)"
    let end = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)
    try #require(end >= 0)
    var size = winsize(ws_row: 24, ws_col: 60, ws_xpixel: 0, ws_ypixel: 0)
    _ = ioctl(end, UInt(TIOCSWINSZ), &size)
    let text = Mutex("")
    let reader = Thread {
      var buffer = [UInt8](repeating: 0, count: 4096)
      while true {
        let count = read(terminal, &buffer, buffer.count)
        if count <= 0 { return }
        text.withLock { $0 += String(decoding: buffer[..<count], as: UTF8.self) }
      }
    }
    reader.start()
    let worker = try workspace.script(script)
    let arguments = options.split(separator: " ").map(String.init) + ["--no-python", "sh", worker]
    let environment = ProcessInfo.processInfo.environment.merging(["HERE": workspace.path, "TERM": "xterm"]) { $1 }
    let parsed = try #require(try LaunchOptions.parse(arguments, environment: [:], devices: { 0 }))
    let program = try WorkerProgram(parsed, commands: [], environment: environment)
    let code = await withCheckedContinuation { continuation in
      // The workers are children of this thread, and end with it.
      let thread = Thread {
        let agent = Agent(
          parsed, program: program, environment: environment, stores: NoStores(), output: end, error: end)
        continuation.resume(returning: agent.run(catchingSignals: false))
      }
      thread.start()
    }
    #expect(code == 0)
    try await Task.sleep(for: .milliseconds(100))
    close(end)
    close(terminal)
    return text.withLock(\.self)
  }

  /// What a terminal shows after the text: knows line feeds, carriage returns and "erase the line".
  private func screen(_ text: String) -> [String] {
    var lines = [""]
    for character in text.replacingOccurrences(of: "\u{1B}[2K", with: "\u{7F}") {
      switch character {
      case "\n", "\r\n": lines.append("")
      case "\r": break
      case "\u{7F}": lines[lines.count - 1] = ""
      default: lines[lines.count - 1].append(character)
      }
    }
    return lines
  }

  @Test("Rank 0 knows the terminal's width, and the lines of others appear above its progress line")
  func progress() async throws {
    let text = try await shown(
      "--nproc-per-node 2",
      #"""
      if [ $RANK = 0 ]; then
        printf '\r\033[2Kstep 1 of 2, %s columns' "$MINIMIND_DPO_TERMINAL_WIDTH" >&2
        echo > $HERE/shown; while [ ! -e $HERE/said ]; do sleep 0.02; done; sleep 0.3
        printf '\r\033[2Kstep 2 of 2' >&2; sleep 0.1; printf '\r\033[2K' >&2; echo finished >&2
      else
        while [ ! -e $HERE/shown ]; do sleep 0.02; done; sleep 0.3
        echo "rank 1 says ${MINIMIND_DPO_TERMINAL_WIDTH:-nothing of columns}"; echo > $HERE/said
      fi
      """#)
    #expect(text.contains("step 1 of 2, 60 columns"))
    #expect(screen(text).dropFirst() == ["rank 1 says nothing of columns", "finished", ""])
    // The progress line was there again below what rank 1 said.
    #expect(text.contains("rank 1 says nothing of columns\r\nstep 1 of 2, 60 columns"))
  }

  @Test("A worker that was killed amid its progress line leaves the next line whole")
  func killedAmidProgress() async throws {
    let text = try await shown(
      "--nproc-per-node 1 --max-restarts 1",
      #"""
      [ $TORCHELASTIC_RESTART_COUNT = 1 ] && exit 0
      printf '\r\033[2Kstep 1 of 2' >&2; sleep 0.2; kill -KILL $$
      """#)
    #expect(screen(text).contains("step 1 of 2"))
    #expect(screen(text).contains { $0.hasPrefix("launch: rank 0 failed first") })
  }
}

/// For workers that do not meet.
private struct NoStores: StoreProvider {
  private struct Nothing: KeyValueStore {
    struct Empty: Error {}
    func set(_ key: String, to value: [UInt8]) throws {}
    func get(_ key: String, timeout: Duration) throws -> [UInt8] { throw Empty() }
    func check(_ key: String) throws -> Bool { false }
    func add(_ amount: Int, to key: String) throws -> Int { amount }
    func compareAndSet(_ key: String, expected: [UInt8], desired: [UInt8]) throws -> [UInt8] { desired }
    func delete(_ key: String) throws -> Bool { false }
  }

  func host(listening: Int32, port: Int) throws -> any KeyValueStore {
    close(listening)
    return Nothing()
  }

  func connect(to endpoint: Endpoint, timeout: Duration) throws -> any KeyValueStore { Nothing() }
}
