import Foundation

/// How a process ended.
public enum Ending: Hashable, Sendable, Codable, CustomStringConvertible {
  /// By itself, with an exit code.
  case exited(Int32)
  /// By a signal.
  case killed(by: Int32)

  /// What a shell would call it: the code, or 128 + signal.
  public var code: Int32 {
    switch self {
    case .exited(let code): code
    case .killed(let signal): 128 + signal
    }
  }

  /// Stopped after a checkpoint, as requested: neither a failure nor a success (EX_TEMPFAIL).
  static let stopped = Ending.exited(75)
  /// Lost another process or a device, usually because of a failure elsewhere (EX_UNAVAILABLE).
  static let lostPeer = Ending.exited(69)

  var isFailure: Bool { self != .exited(0) && self != .stopped }

  /// Whether it would happen again: wrong usage, bad data, missing input, an output that cannot be written.
  var isDeterministic: Bool {
    if case .exited(let code) = self { [64, 65, 66, 73].contains(code) } else { false }
  }

  /// In words.
  public var description: String {
    switch self {
    case .killed(by: SIGKILL):
      "killed by SIGKILL (by hand, or because memory ran out: see dmesg and the scheduler's log)"
    case .killed(let signal): "killed by \(SignalName.of(signal))"
    case .exited(let code):
      switch code {
      case 64: "exit code 64 (usage)"
      case 65: "exit code 65 (bad data)"
      case 66: "exit code 66 (missing input)"
      case 69: "exit code 69 (lost another process, or a device)"
      case 70: "exit code 70 (internal error)"
      case 73: "exit code 73 (cannot write)"
      case 75: "exit code 75 (stopped after a checkpoint)"
      default: "exit code \(code)"
      }
    }
  }

  /// The same in Chinese.
  var chinese: String {
    switch self {
    case .killed(by: SIGKILL): "被 SIGKILL 杀死（人为，或内存耗尽：见 dmesg 和调度器的日志）"
    case .killed(let signal): "被 \(SignalName.of(signal)) 杀死"
    case .exited(let code):
      switch code {
      case 64: "退出码 64（用法错误）"
      case 65: "退出码 65（数据有误）"
      case 66: "退出码 66（缺少输入）"
      case 69: "退出码 69（失去另一个进程或设备）"
      case 70: "退出码 70（内部错误）"
      case 73: "退出码 73（无法写入）"
      case 75: "退出码 75（保存检查点后停止）"
      default: "退出码 \(code)"
      }
    }
  }
}
