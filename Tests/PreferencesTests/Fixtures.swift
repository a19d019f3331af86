import Foundation
import OrderedJSON
import Preferences

/// A conversation as a JSON list of messages, from alternating roles and contents.
func conversation(_ turns: (String, String)...) -> JSON {
  .array(turns.map { ["role": .string($0.0), "content": .string($0.1)] })
}

/// The pairs of JSONL text.
func read(_ text: String, skipBadLines: Bool = false) throws -> PreferenceFile {
  try PreferenceFile(bytes: Data(text.utf8), name: "pairs.jsonl", skipBadLines: skipBadLines)
}

/// The single pair of one object.
func pair(_ object: JSON) throws -> PreferencePair {
  try PreferenceFormat.pair(of: object)
}

/// The bad lines that make a text unreadable; empty where it is readable.
func badLines(_ text: String) -> [BadLine] { badLines(Data(text.utf8)) }

/// The bad lines that make bytes unreadable; empty where they are readable.
func badLines(_ bytes: Data) -> [BadLine] {
  do {
    _ = try PreferenceFile(bytes: bytes, name: "pairs.jsonl")
  } catch .badLines(_, let lines, _) {
    return lines
  } catch {}
  return []
}

/// A line that is a good pair.
let goodLine =
  #"{"chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}], "#
  + #""rejected": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "What?"}]}"#

/// A tokenizer of bytes: an id is a byte, or 256 and up for one of the special tokens.
struct ByteTokenizer: Sendable {
  var specials = [
    "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<s>", "</s>",
  ]

  @Sendable func encode(_ text: String, addSpecialTokens: Bool) -> [Int32] {
    var ids: [Int32] = addSpecialTokens ? [id(of: "<s>")] : []
    var rest = Array(text.utf8)[...]
    while let byte = rest.first {
      if let special = specials.first(where: { rest.starts(with: $0.utf8) }) {
        ids.append(id(of: special))
        rest = rest.dropFirst(special.utf8.count)
      } else {
        ids.append(Int32(byte))
        rest = rest.dropFirst()
      }
    }
    return ids
  }

  @Sendable func decode(_ ids: [Int32]) -> String {
    var bytes: [UInt8] = []
    for id in ids {
      if id < 256 { bytes.append(UInt8(id)) } else { bytes += specials[Int(id) - 256].utf8 }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  func id(of special: String) -> Int32 { Int32(256 + (specials.firstIndex(of: special) ?? 0)) }
}

/// What chat templates write, in the forms that matter to the masks.
enum Templates {
  struct Refusal: Error, CustomStringConvertible {
    var description: String
  }

  /// ChatML, as MiniMind2 and many others have it.
  @Sendable static func chatML(_ messages: [JSON], _ tools: [JSON]?, _ variables: JSON.Object, _ generating: Bool)
    throws -> String
  {
    if variables["refuse"] == true { throw Refusal(description: "the template says no") }
    return messages.map { "<|im_start|>\(word($0, "role"))\n\(word($0, "content"))<|im_end|>\n" }.joined()
      + (generating ? "<|im_start|>assistant\n" : "")
  }

  /// ChatML with a thinking block in every reply and, empty, in the generation prompt, as MiniMind-3 has it.
  @Sendable static func thinking(_ messages: [JSON], _ tools: [JSON]?, _ variables: JSON.Object, _ generating: Bool)
    -> String
  {
    messages.map { message in
      let role = word(message, "role")
      let think = role == "assistant" ? "<think>\n\(word(message, "reasoning_content"))\n</think>\n\n" : ""
      return "<|im_start|>\(role)\n\(think)\(word(message, "content"))<|im_end|>\n"
    }.joined() + (generating ? "<|im_start|>assistant\n<think>\n\n</think>\n\n" : "")
  }

  /// A thinking block only in the last turn, as Qwen3 has it: the beginning of a conversation changes as it goes on.
  @Sendable static func lastThinking(
    _ messages: [JSON], _ tools: [JSON]?, _ variables: JSON.Object, _ generating: Bool
  ) -> String {
    messages.enumerated().map { index, message in
      let think = word(message, "role") == "assistant" && index == messages.count - 1 ? "<think>\n\n</think>\n\n" : ""
      return "<|im_start|>\(word(message, "role"))\n\(think)\(word(message, "content"))<|im_end|>\n"
    }.joined() + (generating ? "<|im_start|>assistant\n" : "")
  }

  /// Llama-3's.
  @Sendable static func llama3(_ messages: [JSON], _ tools: [JSON]?, _ variables: JSON.Object, _ generating: Bool)
    -> String
  {
    "<s>"
      + messages.map {
        "<|start_header_id|>\(word($0, "role"))<|end_header_id|>\n\n\(word($0, "content"))<|eot_id|>"
      }.joined() + (generating ? "<|start_header_id|>assistant<|end_header_id|>\n\n" : "")
  }

  /// A template that ignores `add_generation_prompt`.
  @Sendable static func unmarked(_ messages: [JSON], _ tools: [JSON]?, _ variables: JSON.Object, _ generating: Bool)
    -> String
  {
    messages.map { word($0, "content") + "</s>" }.joined()
  }

  private static func word(_ message: JSON, _ key: String) -> String { message[key]?.string ?? "" }
}

/// A pair tokenizer over bytes.
func byteTokenizer(
  _ template: @escaping PairTokenizer.Render = Templates.chatML, _ options: PairOptions = PairOptions(),
  endOfText: String? = "</s>"
) throws -> PairTokenizer {
  try PairTokenizer(
    encode: ByteTokenizer().encode, render: template, startOfText: "<s>", endOfText: endOfText, options: options)
}

/// The text of the targets of a side, run by run.
func targetTexts(_ ids: [Int32], _ targets: [Bool]) -> [String] { ByteTokenizer().texts(ids, targets) }

extension ByteTokenizer {
  /// The text of the targets, run by run.
  func texts(_ ids: [Int32], _ targets: [Bool]) -> [String] {
    var runs: [[Int32]] = []
    for position in ids.indices where targets[position] {
      if position > 0, targets[position - 1] {
        runs[runs.count - 1].append(ids[position])
      } else {
        runs.append([ids[position]])
      }
    }
    return runs.map(decode)
  }
}
