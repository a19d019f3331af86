import Foundation
import ProgramSupport

/// A command line that a page shows to its readers.
///
/// In our pages a command stands in an indented block, or in a line of text between backquotes; what a program prints stands
/// between fences.
struct DocumentedCommand: Sendable, CustomStringConvertible {
  /// The page, relative to the checkout, and the line that the command starts on.
  let page: String
  let line: Int
  /// Joined where it goes on over lines, and without the remark after it.
  let text: String

  var description: String { "\(page):\(line): \(text)" }

  /// What readers may be shown beside our own program: to prepare files, to change to a folder, to build.
  private static let shellWords: Set = ["head", "tail", "cat", "cd", "export", "make", "srun", "curl", "minimind-dpo"]

  /// All commands of a page, in its order.
  static func all(in page: String) throws -> [DocumentedCommand] {
    let text = try String(contentsOf: Checkout.root.appendingPathComponent(page), encoding: .utf8)
    var commands: [DocumentedCommand] = []
    var isFenced = false
    var begun: (line: Int, text: String)?
    for (index, line) in text.components(separatedBy: "\n").enumerated() {
      if line.hasPrefix("```") { isFenced.toggle() }
      guard !isFenced else { continue }
      guard line.hasPrefix("    ") else {
        commands += inline(line).map { DocumentedCommand(page: page, line: index + 1, text: $0) }
        continue
      }
      let trimmed = line.trimmingCharacters(in: .whitespaces)
      let whole = begun.map { $0.text + " " + trimmed } ?? trimmed
      let start = begun?.line ?? index + 1
      if whole.hasSuffix("\\") {
        begun = (start, whole.dropLast().trimmingCharacters(in: .whitespaces))
        continue
      }
      begun = nil
      let command = whole.replacing(/\s+#\s.*/, with: "").trimmingCharacters(in: .whitespaces)
      let word = command.split(separator: " ").first { !$0.contains("=") }
      guard let word, shellWords.contains(String(word)) else { continue }
      commands.append(DocumentedCommand(page: page, line: start, text: command))
    }
    return commands
  }

  /// Commands of our program between backquotes. Two words, such as `minimind-dpo train`, are a name.
  private static func inline(_ line: String) -> [String] {
    line.matches(of: /`(minimind-dpo [^`]+)`/).map { String($0.1) }.filter { $0.split(separator: " ").count > 2 }
  }

  /// The pages of the project that have a Chinese twin or none; the twin's commands are compared with these.
  static let pages: [String] = {
    let docs = ((try? FileManager.default.contentsOfDirectory(atPath: Checkout.root.path + "/docs")) ?? []).sorted()
      .filter { $0.hasSuffix(".md") && !$0.hasSuffix(".zh-CN.md") && $0 != "commands.md" }
    return ["README.md", "Demo/README.md"] + docs.map { "docs/" + $0 }
  }()

  static func twin(of page: String) -> String? {
    let name = page.replacing(/\.md$/, with: ".zh-CN.md")
    return FileManager.default.fileExists(atPath: Checkout.root.path + "/" + name) ? name : nil
  }
}
