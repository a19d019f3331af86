import Foundation
import ProgramSupport
import Testing

@Suite("What the pages tell their readers to type")
struct DocumentationTests {
  /// Commands that no test can run, and why.
  private static let notRun: [(part: String, reason: String)] = [
    ("--nnodes 2", "takes two hosts; TwoHostsTests and NetworkTests start them"),
    ("scontrol", "takes Slurm"),
    ("cd ", "the tests run in the root of the checkout"),
    ("export PATH", "the tests put the program on the PATH"),
    ("--lora_name", "takes a model with square projections, as AdapterCommandTests have it"),
    ("lora_x_768.pth", "takes a LoRA file of MiniMind's, as AdapterCommandTests have it"),
    ("make ", "what is built is what is being tested"),
  ]

  @Test("Every command of a page runs, in the page's order", arguments: DocumentedCommand.pages)
  func commandsRun(page: String) async throws {
    let commands = try DocumentedCommand.all(in: page)
    guard commands.contains(where: Self.isRun) else { return }
    let checkout = try await ReaderCheckout()
    // A model of real size comes last, so that the others run on a small one.
    let (first, last) = (
      commands.filter { !$0.text.contains(" init ") }, commands.filter { $0.text.contains(" init ") }
    )
    for command in first + last where Self.isRun(command) {
      let outcome = try await checkout.run(runnable(checkout.script(command)))
      #expect(outcome.code == 0, "\(command): \(outcome.messages)")
    }
  }

  @Test("What is said not to be run is there; make has the goals that pages name")
  func exceptions() throws {
    let commands = try DocumentedCommand.pages.flatMap { try DocumentedCommand.all(in: $0) }
    #expect(commands.count > 50)
    for exception in Self.notRun where exception.part != "scontrol" {
      #expect(commands.contains { $0.text.contains(exception.part) }, "\(exception.part) is on no page")
    }
    let makefile = try String(contentsOf: Checkout.root.appendingPathComponent("Makefile"), encoding: .utf8)
    for command in commands where command.text.hasPrefix("make ") {
      let goal = command.text.split(separator: " ")[1]
      #expect(makefile.contains("\n\(goal):"), "\(command)")
    }
  }

  @Test("Chinese pages show the same commands", arguments: DocumentedCommand.pages)
  func twins(page: String) throws {
    guard let twin = DocumentedCommand.twin(of: page) else { return }
    // What readers fill in has Chinese names there.
    func commands(_ page: String) throws -> [String] {
      try DocumentedCommand.all(in: page).map {
        $0.text.replacing(/[A-Z]{4,}|\[OPTIONS\]|\[?\p{Han}+\d?\]?|run\d/, with: "X")
      }
      .sorted()
    }
    #expect(try commands(page) == commands(twin))
  }

  private static func isRun(_ command: DocumentedCommand) -> Bool {
    !notRun.contains { command.text.contains($0.part) }
  }

  /// A server ends when it is interrupted. What this checkout has already is replaced by what a command writes.
  private func runnable(_ script: String) -> String {
    let words = script.split(separator: " ")
    let subcommand = words.count > 1 ? words[1] : ""
    switch subcommand {
    case "serve", "dashboard":
      return """
        \(script) --port 0 >served.log 2>&1 & server=$!
        for ((tries = 0; tries < 600; tries++)); do grep -q http:// served.log && break; kill -0 $server; sleep 0.1; done
        kill -INT $server; wait $server
        """
    case "init", "convert": return script + " --overwrite"
    default:
      guard let output = script.firstMatch(of: /--output(?:-dir)? (\S+)/) else { return script }
      return "rm -rf \(output.1)\n" + script
    }
  }
}
