import Dispatch
import Foundation
import Observability
import Synchronization
import Training

/// Turns SIGUSR1 into requests for a checkpoint, after which the run goes on. On any rank it is enough: all ranks save after the
/// same step. Heard from the start, since its default is to end the process.
final class SaveSignal: Sendable {
  private let source: Mutex<(any DispatchSourceSignal)?>

  /// - Parameter speaks: of several processes that hear the same signal, one says so
  init(_ request: SaveRequest, speaks: Bool = true) {
    signal(SIGUSR1, SIG_IGN)
    let source = DispatchSource.makeSignalSource(signal: SIGUSR1, queue: DispatchQueue(label: "save signal"))
    source.setEventHandler {
      request.request()
      if speaks {
        Console.standardError.print(
          Phrase(
            en: "SIGUSR1: saving a checkpoint after the current step, then training goes on.",
            zh: "SIGUSR1：做完当前这一步后保存检查点，然后继续训练。"))
      }
    }
    source.activate()
    self.source = Mutex(source)
  }

  deinit {
    source.withLock { $0?.cancel() }
    // A late signal must not end a run that is being saved.
    signal(SIGUSR1, SIG_IGN)
  }
}
