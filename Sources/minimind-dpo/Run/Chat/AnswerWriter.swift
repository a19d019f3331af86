import Observability
import Serving

/// Where a conversation is shown.
package protocol ChatScreen: AnyObject {
  /// A piece of an answer.
  func write(_ text: String)
  /// A piece of a thought.
  func writeThought(_ text: String)
  /// The end of an answer.
  func endAnswer()
  /// Who answers now.
  func name(_ name: String)
  /// Something that the program says.
  func note(_ text: String)
}

/// Shows the parts of an answer as they come.
struct AnswerWriter {
  private let screen: any ChatScreen
  private let showsThoughts: Bool
  private var thought = 0
  private var hasContent = false

  init(_ screen: any ChatScreen, showsThoughts: Bool) { (self.screen, self.showsThoughts) = (screen, showsThoughts) }

  mutating func write(_ part: AnswerPart) {
    switch part {
    case .reasoning(let text):
      if !showsThoughts, thought == 0 { screen.writeThought(ChatWords.thinks.text) }
      thought += text.count
      if showsThoughts { screen.writeThought(Self.whole(text)) }
    case .content(let text):
      if !hasContent { endThought() }
      hasContent = true
      screen.write(Self.whole(text))
    case .toolCall: break
    }
  }

  mutating func finish() {
    if !hasContent { endThought() }
    screen.endAnswer()
  }

  private func endThought() {
    guard thought > 0 else { return }
    screen.writeThought(showsThoughts ? "\n\n" : ChatWords.thought(characters: thought).text + "\n")
  }

  /// Bytes that are no character are not shown: a model that is not trained makes many.
  private static func whole(_ text: String) -> String {
    text.unicodeScalars.contains("\u{FFFD}")
      ? String(String.UnicodeScalarView(text.unicodeScalars.filter { $0 != "\u{FFFD}" })) : text
  }
}
