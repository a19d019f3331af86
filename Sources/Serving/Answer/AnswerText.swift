import Tokenization

/// From the tokens of an answer, as they come, to its parts.
///
/// Half a character is held back, and left out where the answer ends within it.
public struct AnswerText: Sendable {
  private let markers: [Int32: String]
  private var decoder: StreamingDecoder
  private var stops: StopFinder
  /// Nil for plain text, in which nothing is told apart.
  private var reader: AnswerReader?

  /// - Parameters:
  ///   - stops: texts before which the answer stops
  ///   - reader: nil for plain text
  public init(_ format: ChatFormat, stops: [String] = [], reader: AnswerReader? = AnswerReader()) {
    markers = reader == nil ? [:] : format.markers
    decoder = format.tokenizer.streamingDecoder(skipSpecialTokens: true)
    self.stops = StopFinder(stops)
    self.reader = reader
  }

  /// Whether a tool has been called.
  public var hasToolCalls: Bool { reader?.hasToolCalls ?? false }

  /// Takes the next token.
  ///
  /// - Returns: the parts that became clear, and whether the answer has come to a stop
  public mutating func append(_ token: Int32) -> (parts: [AnswerPart], isStopped: Bool) {
    let (text, isStopped) = stops.append(markers[token] ?? decoder.append(token))
    return (read(text), isStopped)
  }

  /// Ends the answer.
  ///
  /// - Parameter isStopped: whether a stop was found
  public mutating func finish(isStopped: Bool = false) -> [AnswerPart] {
    let last = isStopped ? [] : read(stops.finish())
    return last + (reader?.finish() ?? [])
  }

  private mutating func read(_ text: String) -> [AnswerPart] {
    guard !text.isEmpty else { return [] }
    return reader?.append(text) ?? [.content(text)]
  }
}
