import Logging
import Observability

extension Logger {
  /// Says something in the language of this process's messages.
  func info(_ words: Phrase) { info("\(words.text)") }

  /// Says it as a notice.
  func notice(_ words: Phrase) { notice("\(words.text)") }

  /// Warns in the language of this process's messages.
  func warning(_ words: Phrase) { warning("\(words.text)") }
}

extension Console {
  /// Prints a line in the language of this process's messages.
  func print(_ words: Phrase) { print(words.text) }
}
