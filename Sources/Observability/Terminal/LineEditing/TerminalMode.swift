import Foundation

/// The settings of the terminal at standard input, and their way back, also where a signal ends the program.
public enum TerminalMode: Sendable {
  /// As it was found.
  case ordinary
  /// Every key is read as it comes, and none is shown.
  case editing
  /// Keys are not shown and wait to be read; Ctrl-C sends its signal.
  case listening

  /// What was found; set once, before the first change.
  private nonisolated(unsafe) static var found: termios?
  private static let endings = [SIGTERM, SIGHUP, SIGQUIT]

  /// Puts the terminal into this mode; nothing where standard input is none.
  public func take() {
    if Self.found == nil {
      var settings = termios()
      guard tcgetattr(STDIN_FILENO, &settings) == 0 else { return }
      Self.found = settings
      for number in Self.endings {
        signal(number) { number in
          TerminalMode.giveBack()
          signal(number, SIG_DFL)
          raise(number)
        }
      }
      atexit { TerminalMode.giveBack() }
    }
    guard var settings = Self.found else { return }
    switch self {
    case .ordinary: break
    case .editing:
      settings.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG | IEXTEN)
      settings.c_iflag &= ~tcflag_t(IXON | ICRNL | INLCR)
    case .listening: settings.c_lflag &= ~tcflag_t(ICANON | ECHO)
    }
    // Keys that were pressed meanwhile are kept.
    tcsetattr(STDIN_FILENO, TCSADRAIN, &settings)
  }

  /// Only calls that signal handlers may make.
  private static func giveBack() {
    guard var settings = found else { return }
    tcsetattr(STDIN_FILENO, TCSANOW, &settings)
  }
}
