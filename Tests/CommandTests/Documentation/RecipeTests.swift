import Foundation
import ProgramSupport
import Testing

@Suite("Recipes")
struct RecipeTests {
  static let names =
    ((try? FileManager.default.contentsOfDirectory(atPath: Checkout.root.path + "/recipes")) ?? [])
    .filter { $0.hasSuffix(".yaml") }.sorted()

  @Test("Each runs by the commands at its head", arguments: names)
  func runs(name: String) async throws {
    let checkout = try await ReaderCheckout()
    // `aligned` is what this writes.
    try FileManager.default.removeItem(atPath: checkout.workspace.path("aligned"))
    let lines = try checkout.workspace.text("recipes/" + name).split(separator: "\n")
    let commands = lines.prefix { $0.hasPrefix("#") }.compactMap { $0.firstMatch(of: /^#\s+(minimind-dpo .*)/) }.map {
      $0.1
    }
    try #require(!commands.isEmpty)
    for command in commands {
      let outcome = try await checkout.run(command + " --max-steps 1")
      #expect(outcome.code == 0, "\(command): \(outcome.messages)")
    }
  }

  @Test("There are recipes, and the page of recipes names each")
  func named() throws {
    #expect(Self.names.count >= 6)
    for page in ["docs/recipes.md", "docs/recipes.zh-CN.md"] {
      let text = try String(contentsOf: Checkout.root.appendingPathComponent(page), encoding: .utf8)
      for name in Self.names { #expect(text.contains("recipes/\(name)"), "\(name) is not in \(page)") }
    }
  }
}
