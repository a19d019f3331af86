import Dispatch
import Foundation
import Observability
import Synchronization
import Training

/// Turns SIGTERM, SIGINT and SIGHUP (the terminal or the connection is gone) into stop requests: the first ends the run in
/// good order, the second at once. Under `nohup` SIGHUP stays ignored.
final class Interruption: Sendable {
  private let sources: Mutex<[DispatchSourceSignal]>
  private let numbers: [Int32]

  /// - Parameters:
  ///   - speaks: of several processes that hear the same signal, one says so
  ///   - first: what happens after the first signal
  ///   - kept: what is kept where a second one comes
  init(
    _ stop: StopRequest, speaks: Bool = true, first: String = TrainingWords.interrupted.text,
    kept: String = TrainingWords.kept.text
  ) {
    let queue = DispatchQueue(label: "signals")
    let heard = [(SIGTERM, "SIGTERM"), (SIGINT, "SIGINT"), (SIGHUP, "SIGHUP")].filter {
      $0.0 != SIGHUP || !Self.isIgnored(SIGHUP)
    }
    numbers = heard.map(\.0)
    sources = Mutex(
      heard.map { number, name in
        // The default would end the process before the handler below hears of it.
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
        source.setEventHandler {
          if stop.requestedBy != nil {
            if speaks {
              let words = Phrase(en: "\(name) again: stopping at once. ", zh: "再次收到 \(name)：立刻停止。")
              Console.standardError.print(words + Phrase(kept))
            }
            LastWords.say("\(name) came a second time and ended it at once")
            Foundation._exit(128 + number)
          }
          stop.request(by: name)
          guard speaks else { return }
          let ends = Phrase(en: "\(name): \(first). ", zh: "\(name)：\(first)。")
          Console.standardError.print(ends + TrainingWords.secondSignal)
        }
        source.activate()
        return source
      })
  }

  /// Gives the signals back to the system.
  func end() {
    sources.withLock { $0.forEach { $0.cancel() } }
    for number in numbers { signal(number, SIG_DFL) }
  }

  private static func isIgnored(_ number: Int32) -> Bool {
    var present = sigaction()
    guard sigaction(number, nil, &present) == 0 else { return false }
    return unsafeBitCast(present.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
