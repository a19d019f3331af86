import Foundation
import Synchronization

/// Ctrl-C while a model answers.
enum AnswerInterruption {
  private static let count = Atomic(0)

  /// From here on, Ctrl-C ends an answer and not the program.
  static func listen() {
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in AnswerInterruption.count.add(1, ordering: .relaxed) }
    sigaction(SIGINT, &action, nil)
    // Whoever started the program may have blocked it.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGINT)
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }

  /// Whether it was pressed since the last question.
  static func take() -> Bool { count.exchange(0, ordering: .relaxed) > 0 }
}
