import Foundation
import OrderedJSON

/// A file of prompts, a JSON object a line.
struct PromptFile {
  /// A prompt: the line as it stood, and the conversation it means.
  struct Request {
    let line: JSON.Object
    let messages: [JSON]
  }

  let requests: [Request]

  init(contentsOf path: String) throws {
    guard let bytes = FileManager.default.contents(atPath: path) else {
      throw Failure(.missingInput, "--prompts \(path): no such file.")
    }
    var requests: [Request] = []
    for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
      let isBlank = line.allSatisfy { [0x20, 0x09, 0x0D].contains($0) }
      if isBlank { continue }
      func bad(_ reason: String) -> Failure { Failure(.badData, "\(path), line \(index + 1): \(reason)") }
      let json: JSON
      do {
        json = try JSON(parsing: Array(line))
      } catch {
        throw bad("\(error)")
      }
      guard let object = json.object else { throw bad("expected a JSON object with \"messages\" or \"prompt\"") }
      if let messages = json["messages"]?.array, !messages.isEmpty {
        requests.append(Request(line: object, messages: messages))
      } else if let prompt = json["prompt"]?.string {
        requests.append(Request(line: object, messages: Message.conversation(system: nil, user: prompt)))
      } else {
        throw bad("expected \"messages\", a list, or \"prompt\", a text")
      }
    }
    guard !requests.isEmpty else { throw Failure(.badData, "\(path): holds no prompts.") }
    self.requests = requests
  }
}

/// Messages of a conversation.
enum Message {
  static func make(_ role: String, _ content: String) -> JSON {
    ["role": .string(role), "content": .string(content)]
  }

  static func conversation(system: String?, user: String) -> [JSON] {
    (system.map { [make("system", $0)] } ?? []) + [make("user", user)]
  }
}
