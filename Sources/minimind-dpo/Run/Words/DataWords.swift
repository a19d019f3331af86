import Observability
import Preferences

extension DropReason {
  /// Why a pair is left out, in the reader's language.
  var phrase: Phrase { Phrase(en: rawValue, zh: chinese) }

  private var chinese: String {
    switch self {
    case .identical: "优选与劣选完全相同"
    case .identicalAfterTruncation: "截断后两侧相同"
    case .noTargets: "两侧都没有目标 token"
    case .oneSideWithoutTargets: "有一侧没有目标 token"
    case .noDifferingTargets: "两侧不同之处没有目标 token"
    case .notRenderable: "对话模板拒绝渲染"
    case .tied: "数据标明两个回答不分优劣"
    case .smallMargin: "分数差小于 --min-margin"
    case .noTargetsInText: "在最大长度内没有目标 token"
    }
  }

  /// What to do where many are left out for this reason; nil where that is as it should be.
  var advice: Phrase? {
    switch self {
    case .identicalAfterTruncation, .noTargets, .oneSideWithoutTargets, .noDifferingTargets, .noTargetsInText:
      Phrase(
        en: "A larger --max-length keeps more of them; `minimind-dpo data FILE --show 3` shows where they are cut.",
        zh: "增大 --max-length 可以保留更多；minimind-dpo data FILE --show 3 会显示在哪里被截断。")
    case .identical:
      Phrase(
        en: "Find out how the two answers came to be the same: `minimind-dpo data FILE --lint` names the lines.",
        zh: "请查明两个回答为何相同：minimind-dpo data FILE --lint 会列出行号。")
    case .notRenderable:
      Phrase(
        en: "`minimind-dpo data FILE` names the lines that the template refuses.",
        zh: "minimind-dpo data FILE 会列出模板拒绝的行。")
    case .tied, .smallMargin: nil
    }
  }
}

/// The linter's checks in Chinese, by their names; English is with the checks themselves.
enum LintWords {
  static func title(_ check: LintCheck) -> Phrase {
    Phrase(en: check.title, zh: chinese[check.name]?.title ?? check.title)
  }
  static func advice(_ check: LintCheck) -> Phrase {
    Phrase(en: check.advice, zh: chinese[check.name]?.advice ?? check.advice)
  }

  private static let chinese: [String: (title: String, advice: String)] = [
    "identical-sides": ("优选与劣选相同", "它们什么也教不了，训练时会略去。请查明为何把它们放在一起比较，或删除它们。"),
    "contradictory-pairs": (
      "同样两个回答以两种顺序出现", "一对偏好的正是另一对拒绝的，两者互相抵消。请决定保留哪一个；若标注者意见不一，用 --label-smoothing 如实表达。"
    ),
    "swapped-by-score": ("优选回答的分数反而更低", "分数与顺序矛盾：两侧可能弄反了。请检查文件的制作过程，交换或删除它们。"),
    "leaked-prompts": ("评估数据里有同样的提示", "这样评估测到的是死记的内容。请把它们从训练数据中去掉，或换评估数据；应按提示划分，而不是按偏好对。"),
    "differing-prompts": ("两侧回答的不是同一个提示", "比较需要同一个提示。请检查配对的过程，或删除它们。在助手某一轮才分开的对话不算在内。"),
    "empty-answers": ("有一侧回答为空", "优选回答为空会教模型沉默；劣选回答为空只能教它不要沉默。多半是生成失败，请删除。"),
    "same-after-truncation": ("两侧的不同之处在 --max-length 之后", "训练时会略去。请增大 --max-length、缩短提示，或删除它们。"),
    "nothing-to-learn": ("回答里没有可比较的内容", "训练时会略去。用 data FILE --show 1 --from 序号 查看；若回答被整个截掉，请增大 --max-length。"),
    "exact-duplicates": ("与前面的偏好对逐字相同", "出现两次就计两次。除非有意加权，只保留第一个。"),
    "near-duplicates": ("与前面的偏好对几乎相同", "提示和两个回答都与另一对几乎一样（大小写、标点和空格不计，数字计）。保留其中一个。"),
    "control-tokens": ("文本里写着控制 token", "分词器会把它变成真正的控制 token，从而结束一轮或在消息中开始新的一轮。请从文本中去掉，或换一种写法。"),
    "lost-end-tokens": ("学习的回答没有结尾", "训练时从不结束，使用时就停不下来。请增大 --max-length，或去掉过长的样本；若模板不写结束 token，请修改模板。"),
    "cut-answers": ("回答被截断", "被截掉的部分学不到，回答的结尾也学不到。请增大 --max-length；若接受截断，请留意 lost-end-tokens。"),
    "equal-scores": ("两个回答分数相同", "它们的顺序只是偶然。--min-margin 会略去分数太接近的偏好对。"),
    "length-bias": (
      "回答的长度决定了哪个是优选", "模型可能学会写长而不是写好。请平衡数据，或使用按长度归一的损失：--loss-type simpo 或 sigmoid_norm，或 --ld-alpha。"
    ),
    "other-language": ("优选回答与提示的语言不同", "模型会学着换语言。请查看它们，删除并非有意的。"),
    "one-token-answers": ("回答只有一个 token", "用于标签和选择题是对的；否则模型学到的多半只是简短。"),
  ]
}
