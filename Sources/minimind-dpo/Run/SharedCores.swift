import Foundation
import Launcher
import Logging
import Observability
import Synchronization
import Torch

/// Lets the threads of this process give way while other programs use its cores, and says so once.
enum SharedCores {
  private static let monitor = Mutex<CoreMonitor?>(nil)

  /// Watches for the rest of the process; further calls do nothing.
  ///
  /// - Parameter warns: whether it says so: nobody wants to read that within a conversation
  static func watch(warns: Bool = true) {
    monitor.withLock { if $0 == nil { $0 = begin(warns: warns) } }
  }

  private static func begin(warns: Bool) -> CoreMonitor? {
    let adapts = !Runtime.hasWaitPolicy()
    let isFirst = ((try? WorkerEnvironment(ProcessInfo.processInfo.environment))?.rank ?? 0) == 0
    return CoreMonitor {
      if adapts { Runtime.sleepSoon($0) }
    } lasting: { share in
      guard isFirst, warns else { return }
      Logger(label: "cores").warning(
        Phrase(
          en:
            "other programs take \(HumanText.percent(share)) of the time of this process's cores, or a limit of its control "
            + "group does; every step takes longer by that. `top` shows them; --threads with a smaller number leaves them cores.",
          zh: "其他程序或控制组的限额占去了本进程核心 \(HumanText.percent(share)) 的时间，每一步都因此变慢。用 top 可以看到它们；"
            + "减小 --threads 可以给它们留出核心。"))
    }
  }
}
