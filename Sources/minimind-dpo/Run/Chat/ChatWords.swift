import Observability

/// What the program says in a conversation.
enum ChatWords {
  static let help = Phrase(
    en: """
      /regenerate            another answer to the last question (/retry)
      /reset                 forget the conversation (/new)
      /system TEXT           the system message; /system off for none
      /compare               the other model's answer to the last question; /compare on, /compare off for all
      /set temperature 0.7   also top-p, top-k, repetition-penalty, max-new-tokens, seed; /set shows them
      /think on|off|fold     let the model think, and show its thoughts or fold them
      /quit                  leave, as Ctrl-D does
      Ctrl-C ends an answer. Up and Down lead through what you said before. //text says a text that begins with a slash.
      """,
    zh: """
      /regenerate            重新回答上一个问题（/retry）
      /reset                 忘掉这段对话（/new）
      /system 文字           设置系统消息；/system off 表示不要
      /compare               让另一个模型回答上一个问题；/compare on、/compare off 对之后所有问题生效
      /set temperature 0.7   还有 top-p、top-k、repetition-penalty、max-new-tokens、seed；只写 /set 就列出来
      /think on|off|fold     让模型先思考，并显示或折叠思考内容
      /quit                  离开，Ctrl-D 也一样
      Ctrl-C 停止当前回答。上下方向键翻看说过的话。要发送以斜杠开头的文字，写 //。
      """)
  static let reset = Phrase(en: "(the conversation is forgotten)", zh: "（对话已忘掉）")
  static let nothingAsked = Phrase(en: "(nothing has been asked yet)", zh: "（还没有提过问题）")
  static let stopped = Phrase(en: "(stopped)", zh: "（已停止）")
  static let emptyAnswer = Phrase(
    en: "(the model ended its answer without a word)", zh: "（模型什么也没说就结束了回答）")
  static let thinks = Phrase(en: "(thinking …", zh: "（思考中……")
  static let again = Phrase(en: "(Ctrl-C once more, or /quit, to leave)", zh: "（再按一次 Ctrl-C 或输入 /quit 离开）")
  static let noReference = Phrase(
    en: "(there is no other model to compare with: start with --compare-with PATH)",
    zh: "（没有可以对比的另一个模型：启动时写 --compare-with 路径）")
  static let notNegative = Phrase(en: "a number that is not negative", zh: "不小于 0 的数")
  static let part = Phrase(en: "a number above 0, at most 1", zh: "大于 0、不超过 1 的数")
  static let aboveZero = Phrase(en: "a number above 0", zh: "大于 0 的数")
  static let wholeNumber = Phrase(en: "a whole number above 0", zh: "大于 0 的整数")
  static let wholeOrOff = Phrase(en: "a whole number, or off", zh: "整数，或 off")

  static func thought(characters: Int) -> Phrase {
    let count = HumanText.grouped(characters)
    return Phrase(
      en: " \(count) characters of thoughts; /think on shows them)", zh: "思考内容共 \(count) 个字符；/think on 显示）")
  }

  static func cut(at tokens: Int) -> Phrase {
    Phrase(
      en: "(cut at \(tokens) tokens; /set max-new-tokens changes that)",
      zh: "（在 \(tokens) 个 token 处截断；可用 /set max-new-tokens 修改）")
  }

  static func forgotten(_ turns: Int) -> Phrase {
    Phrase(
      en:
        "(the conversation is longer than the model's context: its first \(HumanText.counted(turns, "turn")) left out)",
      zh: "（对话超出模型的上下文：略去最早的 \(turns) 轮）")
  }

  static func tooLong(_ context: Int) -> Phrase {
    Phrase(
      en: "(that is too long: the model's context has \(HumanText.grouped(context)) tokens)",
      zh: "（太长了：模型的上下文只有 \(HumanText.grouped(context)) 个 token）")
  }

  static func system(_ text: String?) -> Phrase {
    text.map { Phrase(en: "(the system message: \($0))", zh: "（系统消息：\($0)）") }
      ?? Phrase(en: "(there is no system message; /system TEXT sets one)", zh: "（没有系统消息；用 /system 文字 设置）")
  }

  static func systemSet(_ text: String?) -> Phrase {
    text == nil
      ? Phrase(en: "(no system message from now on)", zh: "（从现在起没有系统消息）")
      : Phrase(en: "(the system message is set; /reset forgets what was said before)", zh: "（系统消息已设置；/reset 可忘掉之前的对话）")
  }

  static func comparing(_ name: String?) -> Phrase {
    name.map { Phrase(en: "(\($0) answers every question too)", zh: "（\($0) 也回答每个问题）") }
      ?? Phrase(en: "(one model answers)", zh: "（只由一个模型回答）")
  }

  static func thinking(_ thinking: Thinking) -> Phrase {
    switch thinking {
    case .on: Phrase(en: "(the model is asked to think; its thoughts are shown)", zh: "（让模型先思考，并显示思考内容）")
    case .off: Phrase(en: "(the model is not asked to think)", zh: "（不让模型先思考）")
    case .fold: Phrase(en: "(the model is asked to think; its thoughts are folded)", zh: "（让模型先思考，折叠思考内容）")
    }
  }

  static func unknown(_ word: String, nearest: String?) -> Phrase {
    nearest.map {
      Phrase(
        en: "(there is no \(word). Did you mean \($0)? /help lists all)", zh: "（没有 \(word) 这个命令。是不是 \($0)？/help 列出所有命令）"
      )
    }
      ?? Phrase(en: "(there is no \(word); /help lists all commands)", zh: "（没有 \(word) 这个命令；/help 列出所有命令）")
  }

  static func usage(_ usage: String) -> Phrase { Phrase(en: "(write \(usage))", zh: "（写法：\(usage)）") }

  static func badValue(_ name: String, _ expected: Phrase) -> Phrase {
    Phrase(en: "(\(name) takes \(expected.en))", zh: "（\(name) 要\(expected.zh)）")
  }

  static func noSetting(_ name: String, among names: [String]) -> Phrase {
    Phrase(
      en: "(there is no setting \(name); there are \(names.joined(separator: ", ")))",
      zh: "（没有 \(name) 这个设置；有 \(names.joined(separator: "、"))）")
  }

  static func opening(_ name: String, _ description: Phrase, _ settings: ChatSettings, other: String?) -> Phrase {
    let how =
      settings.sampling.temperature == 0
      ? Phrase(en: "always the most probable token", zh: "总取概率最大的 token")
      : Phrase(
        "temperature \(HumanText.short(settings.sampling.temperature)), top-p \(HumanText.short(settings.sampling.topP))"
      )
    let beside = other.map { Phrase(en: "\n/compare asks \($0) too.", zh: "\n/compare 也问 \($0)。") } ?? Phrase("")
    return Phrase(
      en:
        "\(name): \(description.en); \(how.en)\n/help lists the commands. Ctrl-C ends an answer, Ctrl-D the conversation.",
      zh: "\(name)：\(description.zh)；\(how.zh)\n/help 列出命令。Ctrl-C 停止回答，Ctrl-D 结束对话。") + beside
  }

  static func chosen(_ path: String) -> Phrase {
    Phrase(en: "--model \(path), the newest there", zh: "--model \(path)，其中最新的一个")
  }
}
