import Foundation
import OrderedJSON
import Preferences

/// A file of prompts: a JSON object a line, a text a line, or preference pairs, whose prompts are taken.
struct PromptFile {
  /// A prompt: the line as it stood, and the conversation it means.
  struct Request {
    /// The members of the line.
    let line: JSON.Object
    /// The conversation up to the answer.
    let messages: [JSON]
    /// The tools offered in it.
    var tools: [JSON]?
    /// More variables for the chat template.
    var variables: JSON.Object = [:]

    /// What the line says besides the prompt and its answers, such as `id` or `source`.
    var otherMembers: JSON.Object {
      var others: JSON.Object = [:]
      let own: JSON.Object = ["messages": .null, "prompt": .null, "response": .null, "tools": .null]
      for (name, value) in line where own[name] == nil { others[name] = value }
      return others
    }
  }

  let requests: [Request]

  /// - Parameter path: `-` for standard input
  /// - Throws: `Failure` for a line that is no prompt, `PreferenceFileError` for one that is no pair
  init(contentsOf path: String) throws {
    let isStandardInput = path == "-"
    let name = isStandardInput ? "standard input" : path
    let found =
      isStandardInput ? FileHandle.standardInput.readDataToEndOfFile() : FileManager.default.contents(atPath: path)
    guard let bytes = found else { throw Failure(.missingInput, "--prompts \(path): no such file.") }
    let requests: [Request]
    if Self.isText(bytes, named: isStandardInput ? nil : path) {
      requests = try Self.texts(in: bytes, of: name)
    } else if !Self.holdsPairs(bytes) {
      requests = try Self.prompts(in: bytes, of: name)
    } else if isStandardInput {
      throw Failure(
        .usage, "standard input holds preference pairs; their prompts are taken from a file: --prompts FILE.")
    } else {
      requests = try Self.prompts(ofPairsIn: path)
    }
    guard !requests.isEmpty else { throw Failure(.badData, "\(name): holds no prompts.") }
    self.requests = requests
  }

  // MARK: - A text a line

  /// Whether each line is a prompt as it stands: in files that are not called JSON, where the first line does not begin as
  /// JSON does.
  private static func isText(_ bytes: Data, named path: String?) -> Bool {
    let name = path?.lowercased() ?? ""
    if [".json", ".jsonl", ".gz"].contains(where: { name.hasSuffix($0) }) || bytes.starts(with: [0x1F, 0x8B]) {
      return false
    }
    let first = bytes.first { ![0x20, 0x09, 0x0D, 0x0A].contains($0) }
    return first != UInt8(ascii: "{") && first != UInt8(ascii: "[")
  }

  private static func texts(in bytes: Data, of name: String) throws -> [Request] {
    var requests: [Request] = []
    for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
      guard let text = String(validating: line, as: UTF8.self)?.trimmingCharacters(in: .whitespacesAndNewlines) else {
        throw Failure(.badData, "\(name), line \(index + 1): not UTF-8 text")
      }
      if text.isEmpty { continue }
      requests.append(
        Request(line: ["prompt": .string(text)], messages: Message.conversation(system: nil, user: text)))
    }
    return requests
  }

  // MARK: - A prompt a line

  private static func prompts(in bytes: Data, of path: String) throws -> [Request] {
    var requests: [Request] = []
    for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
      if isBlank(line) { continue }
      func bad(_ reason: String) -> Failure { Failure(.badData, "\(path), line \(index + 1): \(reason)") }
      let json: JSON
      do {
        json = try JSON(parsing: Array(line))
      } catch {
        throw bad("\(error)")
      }
      guard let object = json.object else { throw bad("expected a JSON object with \"messages\" or \"prompt\"") }
      if let messages = json["messages"]?.array, !messages.isEmpty {
        requests.append(Request(line: object, messages: messages, tools: json["tools"]?.array))
      } else if let prompt = json["prompt"]?.string {
        requests.append(Request(line: object, messages: Message.conversation(system: nil, user: prompt)))
      } else if let messages = json["prompt"]?.array, !messages.isEmpty {
        requests.append(Request(line: object, messages: messages, tools: json["tools"]?.array))
      } else {
        throw bad("expected \"messages\", a list, or \"prompt\", a text")
      }
    }
    return requests
  }

  private static func isBlank(_ line: Data) -> Bool { line.allSatisfy { [0x20, 0x09, 0x0D].contains($0) } }

  // MARK: - The prompts of preference pairs

  /// Whether the first line has the answers of a pair, or the file a form that only preference files have.
  private static func holdsPairs(_ bytes: Data) -> Bool {
    if bytes.starts(with: [0x1F, 0x8B]) { return true }
    let lines = bytes.prefix(1 << 24).split(separator: UInt8(ascii: "\n"), maxSplits: 64)
    guard let first = lines.first(where: { !isBlank($0) }) else { return false }
    guard let json = try? JSON(parsing: Array(first)) else {
      return first.first == UInt8(ascii: "[") && first.count < 3
    }
    return json["chosen"] != nil || json["rejected"] != nil || json["conversations"] != nil
  }

  /// The prompts in their order, each once however many pairs it has.
  private static func prompts(ofPairsIn path: String) throws -> [Request] {
    var seen: Set<String> = []
    var requests: [Request] = []
    for pair in try PreferenceFile(contentsOf: URL(fileURLWithPath: path), applyChatTemplate: true).pairs {
      guard case .conversation(let chosen, _, let shared) = pair.content, shared > 0 else {
        throw Failure(
          .badData, "\(path), line \(pair.line): the two sides share no message, so there is no prompt to answer.")
      }
      let messages = Array(chosen.prefix(shared))
      var line: JSON.Object = ["messages": .array(messages)]
      if let tools = pair.tools { line["tools"] = .array(tools) }
      guard seen.insert(JSON.object(line).serialized()).inserted else { continue }
      requests.append(
        Request(line: line, messages: messages, tools: pair.tools, variables: pair.templateVariables))
    }
    return requests
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
