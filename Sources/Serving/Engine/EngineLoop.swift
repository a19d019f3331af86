import MiniMind
import Torch

/// What the engine's thread does: it takes requests, begins answers, extends those of each model by a token, and so on.
final class EngineLoop {
  private let inbox: Inbox
  private let desks: [Desk]

  init(_ models: [LoadedModel], inbox: Inbox, limits: EngineLimits, report: @escaping @Sendable (String) -> Void) {
    self.inbox = inbox
    desks = models.map { Desk($0, inbox: inbox, limits: limits, report: report) }
  }

  /// Runs until the inbox is closed.
  func run() {
    while true {
      let news = inbox.take(waits: desks.allSatisfy(\.isIdle))
      if news.isClosed {
        for submission in news.arrived { submission.fail("the server is stopping") }
        for desk in desks { desk.giveUp("the server is stopping") }
        inbox.report(running: 0)
        return
      }
      for submission in news.arrived {
        desks.first { $0.name == submission.request.model }?.take(submission)
      }
      for id in news.cancelled { for desk in desks { desk.cancel(id) } }
      for desk in desks { desk.work() }
      inbox.report(running: desks.reduce(0) { $0 + $1.runningCount })
    }
  }
}

extension Inbox.Submission {
  /// Ends all its answers.
  func fail(_ reason: String) {
    for choice in 0..<request.choices { answers.yield(AnswerEvent(choice: choice, kind: .failed(reason))) }
    answers.finish()
  }
}
