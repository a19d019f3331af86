import Foundation
import OrderedJSON

/// What stays the same in all that is sent in reply to a request.
struct ReplyHead {
  let id: String
  let model: String
  let isChat: Bool
  let created: Int

  init(model: String, isChat: Bool) {
    (self.model, self.isChat) = (model, isChat)
    id = (isChat ? "chatcmpl-" : "cmpl-") + UUID().uuidString.lowercased().filter { $0 != "-" }
    created = Int(Date().timeIntervalSince1970)
  }

  func object(isChunk: Bool, choices: [JSON]) -> JSON.Object {
    let kind = isChat ? (isChunk ? "chat.completion.chunk" : "chat.completion") : "text_completion"
    return [
      "id": .string(id), "object": .string(kind), "created": .integer(created), "model": .string(model),
      "choices": .array(choices),
    ]
  }
}

/// How many tokens a request took.
struct Usage {
  let prompt: Int
  var completion = 0

  var json: JSON {
    [
      "prompt_tokens": .integer(prompt), "completion_tokens": .integer(completion),
      "total_tokens": .integer(prompt + completion),
    ]
  }
}

extension ToolCall {
  /// The call as a member of `tool_calls`.
  func json(index: Int?) -> JSON {
    var object: JSON.Object = [:]
    if let index { object["index"] = .integer(index) }
    object["id"] = .string("call_" + UUID().uuidString.lowercased().filter { $0 != "-" })
    object["type"] = "function"
    object["function"] = ["name": .string(name), "arguments": .string(arguments)]
    return .object(object)
  }
}

/// A whole answer, collected from its parts.
struct CollectedAnswer {
  private var content = ""
  private var reasoning = ""
  private var calls: [ToolCall] = []
  var finish: FinishReason?

  mutating func add(_ part: AnswerPart) {
    switch part {
    case .content(let text): content += text
    case .reasoning(let text): reasoning += text
    case .toolCall(let call): calls.append(call)
    }
  }

  /// The answer as a member of `choices`.
  func json(index: Int, isChat: Bool) -> JSON {
    var choice: JSON.Object = ["index": .integer(index)]
    if isChat {
      var message: JSON.Object = ["role": "assistant"]
      message["content"] = content.isEmpty && !calls.isEmpty ? .null : .string(content)
      if !reasoning.isEmpty { message["reasoning_content"] = .string(reasoning) }
      if !calls.isEmpty { message["tool_calls"] = .array(calls.map { $0.json(index: nil) }) }
      choice["message"] = .object(message)
    } else {
      choice["text"] = .string(content)
    }
    choice["logprobs"] = .null
    choice["finish_reason"] = finish.map { .string($0.rawValue) } ?? .null
    return .object(choice)
  }
}

/// The chunks of a streamed reply.
struct ChunkMaker {
  let head: ReplyHead
  /// Calls of each answer so far.
  private var calls: [Int: Int] = [:]

  init(_ head: ReplyHead) { self.head = head }

  /// What opens an answer; nil where nothing does.
  func opening(of choice: Int) -> JSON? {
    head.isChat ? chunk(choice, ["role": "assistant", "content": ""]) : nil
  }

  mutating func chunk(_ choice: Int, _ part: AnswerPart) -> JSON {
    switch part {
    case .content(let text) where !head.isChat: return chunk(choice, text: text, finish: nil)
    case .content(let text): return chunk(choice, ["content": .string(text)])
    case .reasoning(let text): return chunk(choice, ["reasoning_content": .string(text)])
    case .toolCall(let call):
      let index = calls[choice] ?? 0
      calls[choice] = index + 1
      return chunk(choice, ["tool_calls": [call.json(index: index)]])
    }
  }

  func end(of choice: Int, _ finish: FinishReason) -> JSON {
    head.isChat ? chunk(choice, [:], finish: finish) : chunk(choice, text: "", finish: finish)
  }

  func usage(_ usage: Usage) -> JSON {
    var object = head.object(isChunk: true, choices: [])
    object["usage"] = usage.json
    return .object(object)
  }

  private func chunk(_ choice: Int, _ delta: JSON.Object, finish: FinishReason? = nil) -> JSON {
    wrapped(choice, "delta", .object(delta), finish)
  }

  private func chunk(_ choice: Int, text: String, finish: FinishReason?) -> JSON {
    wrapped(choice, "text", .string(text), finish)
  }

  private func wrapped(_ choice: Int, _ name: String, _ value: JSON, _ finish: FinishReason?) -> JSON {
    var object: JSON.Object = ["index": .integer(choice)]
    object[name] = value
    object["logprobs"] = .null
    object["finish_reason"] = finish.map { .string($0.rawValue) } ?? .null
    return .object(head.object(isChunk: true, choices: [.object(object)]))
  }
}
