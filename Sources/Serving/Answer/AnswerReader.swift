import OrderedJSON

/// A part of an answer.
public enum AnswerPart: Hashable, Sendable {
  /// A piece of what the model thinks before it answers.
  case reasoning(String)
  /// A piece of the answer itself.
  case content(String)
  /// A whole call of a tool.
  case toolCall(ToolCall)
}

/// A call of a tool that the model asks for.
public struct ToolCall: Hashable, Sendable {
  /// The name of the function.
  public let name: String
  /// Its arguments, as JSON text.
  public let arguments: String

  /// A call.
  public init(name: String, arguments: String) { (self.name, self.arguments) = (name, arguments) }
}

/// Tells thoughts, content and tool calls apart in the text of an answer that comes in pieces.
///
/// Thoughts stand in `<think>…</think>`, tool calls as `{"name": …, "arguments": …}` in `<tool_call>…</tool_call>`, as MiniMind's
/// and Qwen's templates have them. What could become a mark is held back until it is clear. Line feeds around thoughts belong
/// to the marks.
public struct AnswerReader: Sendable {
  static let openThought = "<think>"
  static let closeThought = "</think>"
  static let openCall = "<tool_call>"
  static let closeCall = "</tool_call>"
  static let markers = [openThought, closeThought, openCall, closeCall]

  private enum Place { case content, thought, call }

  private let findsToolCalls: Bool
  private var place: Place
  /// What could be the beginning of a mark.
  private var held = ""
  /// Whether white space at the start of the coming text is left out.
  private var skipsSpace: Bool
  /// White space that is given out once something follows.
  private var space = ""
  /// What stands in a call so far.
  private var call = ""
  /// Whether a tool has been called.
  public private(set) var hasToolCalls = false

  /// - Parameters:
  ///   - startsInThought: whether the prompt has opened a thought
  ///   - findsToolCalls: whether tools were offered; without, what looks like a call is content
  public init(startsInThought: Bool = false, findsToolCalls: Bool = false) {
    place = startsInThought ? .thought : .content
    skipsSpace = startsInThought
    self.findsToolCalls = findsToolCalls
  }

  /// Takes the next piece; returns the parts that are clear by it.
  public mutating func append(_ text: String) -> [AnswerPart] {
    held += text
    var parts: [AnswerPart] = []
    while let (mark, before, after) = nextMark() {
      give(before, to: &parts)
      held = after
      pass(mark, &parts)
    }
    let kept = TextSearch.beginning(of: marks, endingIn: held)
    give(String(held.unicodeScalars.dropLast(kept)), to: &parts)
    held = String(held.unicodeScalars.suffix(kept))
    return parts
  }

  /// Ends the answer: what was held back is what it looks like.
  public mutating func finish() -> [AnswerPart] {
    var parts: [AnswerPart] = []
    give(held, to: &parts)
    // A call without its end may be whole.
    if place == .call { endCall(mark: "", &parts) }
    if place == .content, !hasToolCalls, !space.isEmpty { parts.append(.content(space)) }
    (held, space) = ("", "")
    return parts
  }

  /// The marks that mean something here.
  private var marks: [String] {
    switch place {
    case .content: findsToolCalls ? [Self.openThought, Self.openCall] : [Self.openThought]
    case .thought: [Self.closeThought]
    case .call: [Self.closeCall]
    }
  }

  private func nextMark() -> (mark: String, before: String, after: String)? {
    guard let (mark, range) = TextSearch.first(of: marks, in: held) else { return nil }
    let scalars = held.unicodeScalars
    return (mark, String(scalars[..<range.lowerBound]), String(scalars[range.upperBound...]))
  }

  private mutating func pass(_ mark: String, _ parts: inout [AnswerPart]) {
    space = ""
    switch mark {
    case Self.openThought: (place, skipsSpace) = (.thought, true)
    case Self.closeThought: (place, skipsSpace) = (.content, true)
    case Self.openCall: place = .call
    default:
      endCall(mark: mark, &parts)
      (place, skipsSpace) = (.content, true)
    }
  }

  /// Gives out text of the present place, which has no mark in it.
  private mutating func give(_ text: String, to parts: inout [AnswerPart]) {
    guard place != .call else { return call += text }
    var text = Substring(text).unicodeScalars
    if skipsSpace { text = text.drop { $0.properties.isWhitespace } }
    guard !text.isEmpty else { return }
    skipsSpace = false
    // Space before a mark belongs to the mark; where none can follow that cares, it is given out at once.
    guard place == .thought || findsToolCalls else { return parts.append(.content(String(text))) }
    let end = text.lastIndex { !$0.properties.isWhitespace }.map { text.index(after: $0) } ?? text.startIndex
    if end > text.startIndex {
      let whole = space + String(text[..<end])
      parts.append(place == .thought ? .reasoning(whole) : .content(whole))
      space = ""
    }
    space += String(text[end...])
  }

  /// Reads a call; what is none is content.
  private mutating func endCall(mark: String, _ parts: inout [AnswerPart]) {
    if let found = ToolCall(parsing: call) {
      hasToolCalls = true
      parts.append(.toolCall(found))
    } else {
      parts.append(.content(Self.openCall + call + mark))
    }
    call = ""
  }
}

extension ToolCall {
  /// Reads `{"name": …, "arguments": …}`; nil where it is something else.
  init?(parsing text: String) {
    guard let json = try? JSON(parsing: text), let name = json["name"]?.string, !name.isEmpty else { return nil }
    switch json["arguments"] ?? json["parameters"] ?? .object([:]) {
    case .string(let arguments): self.init(name: name, arguments: arguments)
    case .object(let arguments): self.init(name: name, arguments: JSON.object(arguments).serialized(.python))
    default: return nil
    }
  }
}
