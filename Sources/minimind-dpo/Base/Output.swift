import Foundation

/// Standard output, where results go; unbuffered, so that pieces of an answer appear as they come and lines keep their
/// order beside the messages on stderr.
enum Output {
  static func line(_ text: String = "") { write(text + "\n") }

  static func write(_ text: String) {
    // A reader that has gone ends the process through SIGPIPE, as it does with every filter.
    try? FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
  }
}
