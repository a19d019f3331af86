import Foundation
import ProgramSupport
import Testing

@Suite("The reference of commands")
struct CommandReferenceTests {
  @Test("docs/commands.md is what help says; Tools/command_reference writes it anew")
  func isHelp() async throws {
    let workspace = try Workspace()
    let page = try String(contentsOf: Checkout.root.appendingPathComponent("docs/commands.md"), encoding: .utf8)
    var sections: [String: String] = [:]
    for section in page.components(separatedBy: "\n## ").dropFirst() {
      let parts = section.components(separatedBy: "\n\n```\n")
      sections[parts[0]] = parts.dropFirst().joined().components(separatedBy: "\n```").first
    }
    let overview = try await Program.succeed(["help"], in: workspace).output
    let commands =
      overview.components(separatedBy: "SUBCOMMANDS:\n").last?.split(separator: "\n")
      .compactMap { $0.firstMatch(of: /^  ([a-z]+)( |$)/).map { String($0.1) } } ?? []
    #expect(Set(sections.keys) == Set(commands))
    for command in commands {
      let help = try await Program.succeed(["help", command], in: workspace).output
      #expect(sections[command]?.split(separator: "\n") == help.split(separator: "\n"), "help \(command)")
    }
  }
}
