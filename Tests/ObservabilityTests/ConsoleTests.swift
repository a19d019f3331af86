import Foundation
import Logging
import Observability
import Testing

@Suite("The console")
struct ConsoleTests {
  /// Everything that the body writes to a console.
  private func written(interactive: Bool, color: Bool = false, width: Int = 80, _ body: (Console) -> Void) -> String {
    let pipe = Pipe()
    body(
      Console(
        descriptor: pipe.fileHandleForWriting.fileDescriptor, isInteractive: interactive, usesColor: color, width: width
      ))
    try? pipe.fileHandleForWriting.close()
    return String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  }

  private func log(
    _ console: Console, rank: Int = 0, worldSize: Int = 1, _ level: Logger.Level, _ message: Logger.Message,
    _ metadata: Logger.Metadata = [:]
  ) {
    let logger = Logger(label: "test") { _ in ConsoleLogHandler(on: console, rank: rank, worldSize: worldSize) }
    logger.log(level: level, message, metadata: metadata)
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

  @Test("Lines printed while a progress line is up appear above it")
  func interleaved() {
    let text = written(interactive: true) { console in
      let line = ProgressLine(on: console, interval: .zero)
      line.update(Progress(done: 1, total: 10))
      log(console, .warning, "first")
      line.update(Progress(done: 2, total: 10))
      log(console, .info, "second")
      line.report(Progress(done: 3, total: 10))
    }
    #expect(
      screen(text) == ["warning: first", "info: second", "train 3/10 30 %", "train 3/10 ━━━━━━────────────── 30 %"])
  }

  @Test("Of a task's reports a terminal keeps one in each tenth, the one before another task begins, and the last")
  func kept() {
    let text = written(interactive: true) { console in
      let line = ProgressLine(on: console, interval: .zero)
      for step in 1...50 {
        line.report(Progress(done: step, total: 1000))
        line.update(Progress(done: step, total: 1000))
      }
      line.update(Progress(task: "eval", done: 1, total: 2))
      line.finish()
      for step in 51...250 { line.report(Progress(done: step, total: 1000)) }
      line.finish()
    }
    #expect(
      screen(text) == ["train 50/1000 5 %", "train 100/1000 10 %", "train 200/1000 20 %", "train 250/1000 25 %", ""])
  }

  @Test("On a narrow terminal messages are broken where words end, and never in a number")
  func narrowMessages() {
    let text = written(interactive: true, width: 30) { console in
      log(console, .info, "evaluation after step 50: loss 0.4915, accuracy 96.9 % (92.9 to 98.7 %)\n  cut 1,200 sides")
    }
    let lines = text.split(separator: "\n").map(String.init)
    #expect(lines.allSatisfy { $0.count <= 30 }, "\(lines)")
    for whole in ["0.4915", "96.9 %", "98.7 %)", "  cut 1,200 sides"] {
      #expect(lines.contains { $0.contains(whole) }, "\(lines)")
    }
  }

  @Test("A finished progress line leaves nothing behind")
  func finished() {
    let text = written(interactive: true) { console in
      let line = ProgressLine(on: console, interval: .zero)
      line.update(Progress(done: 10, total: 10))
      line.finish()
      console.print("done")
    }
    #expect(screen(text) == ["done", ""])
  }

  @Test("The line is redrawn at most once per interval")
  func throttled() {
    let text = written(interactive: true) { console in
      let line = ProgressLine(on: console, interval: .seconds(60))
      for step in 1...1000 { line.update(Progress(done: step, total: 1000)) }
    }
    #expect(screen(text) == ["train 1/1000 ──────────────────── 0 %"])
    #expect(!text.contains("\r"))
  }

  @Test("It stays one column short of the terminal's width")
  func width() {
    let text = written(interactive: true, width: 24) { console in
      ProgressLine(on: console).report(Progress(task: "a rather long task", done: 1, total: 1000))
    }
    #expect(text == "a rather long task 1/10")
  }

  @Test("Without a terminal there are plain lines at reports, nothing in between, and no escape sequences")
  func plain() {
    let text = written(interactive: false) { console in
      let line = ProgressLine(on: console, interval: .zero)
      line.update(Progress(done: 1, total: 10))
      line.report(Progress(done: 2, total: 10))
      log(console, .error, "broken")
      line.finish()
    }
    #expect(text == "train step 2/10 (20 %)\nerror: broken\n")
  }

  @Test("Warnings are yellow and errors red where colours are welcome")
  func colors() {
    let text = written(interactive: true, color: true) { console in
      log(console, .warning, "hot")
      log(console, .error, "broken")
      log(console, .debug, "not shown at level info")
    }
    #expect(text == "\u{1B}[33mwarning:\u{1B}[0m hot\n\u{1B}[31merror:\u{1B}[0m broken\n")
  }

  @Test("Of several processes each line names its rank")
  func ranks() {
    let text = written(interactive: false) {
      log($0, rank: 3, worldSize: 8, .info, "ready", ["device": "cuda:3", "a": "1"])
    }
    #expect(text == "[rank 3] info: ready (a: 1, device: cuda:3)\n")
  }

  @Test("Control characters in a message do not reach the terminal; further lines are indented")
  func controlCharacters() {
    let text = written(interactive: true) { log($0, .info, "one\ntwo \u{1B}[31m 中文\u{7}") }
    #expect(text == "info: one\n  two \\u{1B}[31m 中文\\u{07}\n")
  }

  @Test("Lines of many threads stay whole")
  func threads() {
    let text = written(interactive: true) { console in
      DispatchQueue.concurrentPerform(iterations: 200) { index in
        console.print("line \(index) ends")
        console.show(status: "status \(index)")
      }
      console.clearStatus()
    }
    let lines = screen(text).dropLast()
    #expect(lines.count == 200)
    #expect(lines.allSatisfy { $0.hasPrefix("line ") && $0.hasSuffix(" ends") })
  }

  @Test("Colours are for terminals, unless NO_COLOR is set and not empty")
  func noColor() {
    func usesColor(interactive: Bool, _ environment: [String: String]) -> Bool {
      Console(descriptor: -1, isInteractive: interactive, environment: environment).usesColor
    }
    #expect(usesColor(interactive: true, [:]))
    #expect(usesColor(interactive: true, ["NO_COLOR": ""]))
    #expect(!usesColor(interactive: true, ["NO_COLOR": "1"]))
    #expect(!usesColor(interactive: false, [:]))
  }

  @Test("A pipe is no terminal")
  func pipeIsPlain() {
    let pipe = Pipe()
    let console = Console(descriptor: pipe.fileHandleForWriting.fileDescriptor)
    #expect(!console.isInteractive && !console.usesColor && console.width == 80)
  }

  @Test("A pipe to a terminal, as launch makes one for rank 0, is a terminal of its width")
  func pipeToTerminal() {
    let pipe = Pipe()
    func console(_ environment: [String: String]) -> Console {
      Console(descriptor: pipe.fileHandleForWriting.fileDescriptor, environment: environment)
    }
    let width = "MINIMIND_DPO_TERMINAL_WIDTH"
    let wide = console([width: "132"])
    #expect(wide.isInteractive && wide.usesColor && wide.width == 132)
    #expect(!console([width: "132", "TERM": "dumb"]).isInteractive)
    #expect(!console([width: "132", "NO_COLOR": "1"]).usesColor)
    #expect(!console([width: "wide"]).isInteractive && console([width: "0"]).width == 80)
  }
}
