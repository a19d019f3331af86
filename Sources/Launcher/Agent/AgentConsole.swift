import Foundation

/// Where the launcher writes: its stdout and stderr, which are one screen when they are the same terminal or file.
final class AgentConsole {
  let output: Screen
  let error: Screen
  private static let ownSource = -1
  private let language: LaunchLanguage

  init(output: Int32, error: Int32, language: LaunchLanguage = .english) {
    self.language = language
    self.error = Screen(Outlet(error))
    self.output = Outlet.identity(output) == Outlet.identity(error) ? self.error : Screen(Outlet(output))
  }

  private var screens: [Screen] { output === error ? [error] : [output, error] }
  var outlets: [Outlet] { screens.map(\.outlet) }
  var holdsSome: Bool { screens.contains(where: \.holdsSome) }

  /// Why what workers wrote to stdout was lost, in words; nil where it was not, or where its reader had just seen enough.
  var lostOutput: String? {
    guard let failure = output.outlet.failure, failure != EPIPE else { return nil }
    return String(cString: strerror(failure))
  }

  func showHeld() { screens.forEach { $0.showHeld() } }

  /// One or more lines of the launcher's own.
  func say(_ words: Wording) { say(words[language]) }

  /// An error, which is English in every language.
  func say(_ text: String) { error.show(Array((text + "\n").utf8)[...], from: Self.ownSource) }
}
