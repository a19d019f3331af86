import Observability

/// What the server says to the page.
enum DashboardWords {
  static let noSuchRun = Phrase(en: "There is no such run here any more.", zh: "这里已没有这次训练。")
  static let ended = Phrase(en: "This run has ended already.", zh: "这次训练已经结束。")
  static let stopping = Phrase(
    en: "It has been asked to stop: it finishes its step, saves a checkpoint, and ends.",
    zh: "已请求停止：完成当前步并保存检查点后结束。")

  static func elsewhere(_ holder: String) -> Phrase {
    Phrase(
      en: "It runs on another machine or in another container (\(holder)); stop it there, with kill and that number.",
      zh: "它运行在另一台机器或另一个容器中（\(holder)）；请在那里用 kill 加该进程号停止。")
  }

  static func notAllowed(_ holder: String, _ reason: String) -> Phrase {
    Phrase(
      en: "It could not be asked (\(holder)): \(reason). Stop it as the user who started it.",
      zh: "无法发送请求（\(holder)）：\(reason)。请以启动它的用户身份停止。")
  }
}
