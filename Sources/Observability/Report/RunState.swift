import Files
import Foundation
import OrderedJSON

/// How a run stands: whether it goes on, and if not, how it ended.
public enum RunState: Hashable, Sendable {
  /// It ran to its last step.
  case finished
  /// It ended before its last step by itself.
  case endedEarly(reason: String)
  /// Somebody stopped it, after a checkpoint.
  case stopped(by: String)
  /// It said why it could not go on.
  case failed(reason: String)
  /// It is gone and left no word: killed, or the machine was.
  case killed
  /// It goes on.
  case running
  /// Nobody can tell.
  case unknown

  /// - Parameter isRunning: whether a process has its folder; nil where that cannot be found out
  init(_ log: MetricsLog, isRunning: Bool?) {
    let failure = log.events.last { $0.kind == .failure }
    if let totals = log.totals {
      if let signal = totals.stoppedBy {
        self = .stopped(by: signal)
      } else {
        self = totals.endedEarly.map { .endedEarly(reason: $0) } ?? .finished
      }
    } else if isRunning == true {
      self = .running
    } else if let failure {
      self = .failed(reason: failure.message)
    } else {
      self = isRunning == nil ? .unknown : .killed
    }
  }

  /// What the page's script and style sheet call it.
  var name: String {
    switch self {
    case .finished: "finished"
    case .endedEarly: "early"
    case .stopped: "stopped"
    case .failed: "failed"
    case .killed: "killed"
    case .running: "running"
    case .unknown: "unknown"
    }
  }

  /// In a word or two.
  var word: Phrase {
    switch self {
    case .finished: Phrase(en: "finished", zh: "已完成")
    case .endedEarly: Phrase(en: "ended early", zh: "提前结束")
    case .stopped: Phrase(en: "stopped", zh: "已停止")
    case .failed: Phrase(en: "failed", zh: "失败")
    case .killed: Phrase(en: "killed", zh: "被终止")
    case .running: Phrase(en: "running", zh: "正在运行")
    case .unknown: Phrase(en: "without an end", zh: "没有结束记录")
    }
  }

  /// In a sentence; nil where the word says it all.
  func sentence(step: Int) -> Phrase? {
    let after = HumanText.grouped(step)
    switch self {
    case .finished: return nil
    case .endedEarly(let reason):
      return Phrase(en: "It ended after step \(after): \(reason).", zh: "在第 \(after) 步之后结束：\(reason)。")
    case .stopped(let signal):
      return Phrase(
        en: "Stopped by \(signal) after step \(after), with a checkpoint: --resume-from-checkpoint auto continues it.",
        zh: "在第 \(after) 步之后被 \(signal) 停止，并已保存检查点：用 --resume-from-checkpoint auto 继续。")
    case .failed(let reason):
      return Phrase(en: "It failed after step \(after): \(reason)", zh: "在第 \(after) 步之后失败：\(reason)")
    case .killed:
      return Phrase(
        en:
          "No process works on it any more, and it left no word of an end: it was killed after step \(after), or the machine "
          + "was. --resume-from-checkpoint auto goes on from its last checkpoint.",
        zh: "已没有进程在处理它，也没有留下结束记录：它在第 \(after) 步之后被终止，或机器已关机。用 --resume-from-checkpoint auto 从最后一个检查点继续。")
    case .running:
      return Phrase(
        en: "It goes on: this page shows the state after step \(after).", zh: "训练仍在进行：本页是第 \(after) 步之后的状态。")
    case .unknown:
      return Phrase(
        en: "There is no word of an end: it goes on, or it was killed after step \(after).",
        zh: "没有结束记录：它仍在运行，或在第 \(after) 步之后被终止。")
    }
  }
}

extension RunEvent {
  /// Adds the line to a file whose writer is not at hand. Where there is no such file, or no room, nothing happens.
  public func append(to file: URL) {
    guard let handle = try? FileHandle(forWritingTo: file) else { return }
    defer { try? handle.close() }
    guard (try? handle.seekToEnd()) != nil else { return }
    try? handle.write(contentsOf: Data((json.serialized() + "\n").utf8))
  }
}
