import Synchronization

/// A language that the program speaks.
public enum MessageLanguage: String, Hashable, Sendable, CaseIterable {
  /// English.
  case english = "en"
  /// Simplified Chinese.
  case chinese = "zh"

  /// That of this process's messages: English until a command says otherwise, before it prints anything.
  public static var current: MessageLanguage {
    get { chosen.withLock { $0 } }
    set { chosen.withLock { $0 = newValue } }
  }

  private static let chosen = Mutex(MessageLanguage.english)

  /// That of a launcher for its workers (`MINIMIND_DPO_LANG`), else that of the locale as the environment names it (`LC_ALL`,
  /// else `LC_MESSAGES`, else `LANG`: `zh_CN.UTF-8`); English where it names none or another one.
  public init(environment: [String: String]) {
    if let language = environment["MINIMIND_DPO_LANG"].flatMap(MessageLanguage.init) {
      self = language
      return
    }
    let name = ["LC_ALL", "LC_MESSAGES", "LANG"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
    self = name?.lowercased().hasPrefix("zh") == true ? .chinese : .english
  }
}
