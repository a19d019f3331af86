import Foundation
import OrderedJSON
import Tokenization

/// The text of an Ollama `Modelfile`. Its template, in the language of Go's templates, is found out from what the model's own
/// template makes of a few conversations.
struct OllamaModelfile {
  /// The name of the GGUF file in the same folder.
  let model: String
  /// The model's own template; nil where it has none.
  let template: ChatTemplate?
  /// Texts that end an answer.
  let stops: [String]
  /// Parameters of sampling with their values.
  let sampling: [(name: String, value: String)]

  var text: String {
    var lines = ["FROM ./\(model)"]
    if let turns = template.flatMap(Turns.init) {
      lines.append("TEMPLATE \"\"\"\(turns.goTemplate)\"\"\"")
    } else {
      lines.append(
        "# No TEMPLATE: the model's own one is not a plain sequence of turns. Ollama may know it by its GGUF file.")
    }
    lines += stops.map { "PARAMETER stop \"\($0)\"" }
    lines += sampling.map { "PARAMETER \($0.name) \($0.value)" }
    return lines.joined(separator: "\n") + "\n"
  }

  /// What stands before and after each message of a role, where that is all that a template does.
  struct Turns {
    private var system: (before: String, after: String)?
    private let user: (before: String, after: String)
    private let assistant: (before: String, after: String)
    private let prompt: String

    /// - Returns: nil for a template that does more than that
    init?(_ template: ChatTemplate) {
      func rendered(_ turns: [(role: String, text: String)], prompts: Bool = false) -> String? {
        let messages = turns.map { JSON.object(["role": .string($0.role), "content": .string($0.text)]) }
        return try? template.render(messages: messages, addGenerationPrompt: prompts)
      }
      let (question, answer, second) = ("QUESTION-1", "ANSWER-1", "QUESTION-2")
      guard let one = rendered([("user", question)]), let asked = rendered([("user", question)], prompts: true),
        asked.hasPrefix(one),
        let talk = rendered([("user", question), ("assistant", answer), ("user", second)]),
        let (before, after) = Self.halves(of: one, at: question),
        let (_, rest) = Self.halves(of: talk, at: question), let (between, next) = Self.halves(of: rest, at: answer),
        let (gap, _) = Self.halves(of: next, at: second), between.hasPrefix(after), gap.hasSuffix(before)
      else { return nil }
      user = (before, after)
      assistant = (String(between.dropFirst(after.count)), String(gap.dropLast(before.count)))
      prompt = String(asked.dropFirst(one.count))
      if let whole = rendered([("system", "SYSTEM-1"), ("user", question)]),
        let (start, tail) = Self.halves(of: whole, at: "SYSTEM-1"),
        let (middle, _) = Self.halves(of: tail, at: question),
        middle.hasSuffix(before)
      {
        system = (start, String(middle.dropLast(before.count)))
      }
      // A template that does more shows in a longer conversation.
      let long: [(role: String, text: String)] =
        (system == nil ? [] : [("system", "Be brief.")])
        + [("user", "A"), ("assistant", "B"), ("user", "C"), ("assistant", "D"), ("user", "E")]
      guard rendered(long, prompts: true) == long.map(said).joined() + prompt, !goTemplate.contains("\"\"\"") else {
        return nil
      }
    }

    private func said(_ turn: (role: String, text: String)) -> String {
      let around = turn.role == "user" ? user : turn.role == "assistant" ? assistant : system ?? ("", "")
      return around.before + turn.text + around.after
    }

    /// The same for Ollama.
    var goTemplate: String {
      func turn(_ around: (before: String, after: String)) -> String {
        Self.escaped(around.before) + "{{ .Content }}" + Self.escaped(around.after)
      }
      var text = "{{- range .Messages }}"
      if let system { text += "{{ if eq .Role \"system\" }}" + turn(system) + "{{ end }}" }
      text += "{{ if eq .Role \"user\" }}" + turn(user) + "{{ end }}"
      text += "{{ if eq .Role \"assistant\" }}" + turn(assistant) + "{{ end }}"
      return text + "{{ end }}" + Self.escaped(prompt)
    }

    private static func escaped(_ text: String) -> String {
      text.replacingOccurrences(of: "{{", with: "{{ \"{{\" }}")
    }

    /// What stands before and after the only place of a mark.
    private static func halves(of text: String, at mark: String) -> (String, String)? {
      let parts = text.components(separatedBy: mark)
      return parts.count == 2 ? (parts[0], parts[1]) : nil
    }
  }
}
