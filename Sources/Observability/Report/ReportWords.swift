import OrderedJSON

/// What the page's script says, by the names that it knows.
enum ReportWords {
  static let all: TextDictionary<Phrase> = [
    "axis": Phrase(en: "Horizontal axis", zh: "横轴"),
    "step": Phrase(en: "step", zh: "步"),
    "stepNumber": Phrase(en: "step {}", zh: "第 {} 步"),
    "epoch": Phrase(en: "epoch", zh: "轮"),
    "pairs": Phrase(en: "pairs", zh: "偏好对数量"),
    "texts": Phrase(en: "texts", zh: "文本数量"),
    "seconds": Phrase(en: "time", zh: "时间"),
    "smoothing": Phrase(en: "Smoothing", zh: "平滑"),
    "log": Phrase(en: "Log scale", zh: "对数刻度"),
    "zoomIn": Phrase(en: "Zoom in", zh: "放大"),
    "zoomOut": Phrase(en: "Zoom out", zh: "缩小"),
    "reset": Phrase(en: "Whole run", zh: "全程"),
    "tables": Phrase(en: "Tables", zh: "表格"),
    "plots": Phrase(en: "Plots", zh: "图"),
    "theme": Phrase(en: "Colours", zh: "配色"),
    "auto": Phrase(en: "as the system", zh: "跟随系统"),
    "light": Phrase(en: "light", zh: "浅色"),
    "dark": Phrase(en: "dark", zh: "深色"),
    "language": Phrase(en: "Language", zh: "语言"),
    "settings": Phrase(en: "Configuration", zh: "配置"),
    "environment": Phrase(en: "Environment", zh: "环境"),
    "data": Phrase(en: "Data", zh: "数据"),
    "findings": Phrase(en: "What the linter found", zh: "数据检查结果"),
    "slices": Phrase(en: "Slices of the held-out pairs", zh: "留出偏好对的切片"),
    "samples": Phrase(en: "Answers before and after", zh: "训练前后的回答"),
    "before": Phrase(en: "before (the reference)", zh: "训练前（参考模型）"),
    "after": Phrase(en: "after step", zh: "训练后，步数"),
    "prompt": Phrase(en: "prompt", zh: "提示"),
    "timeByPart": Phrase(en: "Where the time went", zh: "时间去向"),
    "rank": Phrase("rank"),
    "events": Phrase(en: "Events", zh: "事件"),
    "run": Phrase(en: "run", zh: "训练"),
    "runs": Phrase(en: "The runs, by what differs", zh: "各次训练及其差别"),
    "state": Phrase(en: "state", zh: "状态"),
    "accuracy": Phrase(en: "accuracy", zh: "准确率"),
    "interval": Phrase(en: "95 % interval", zh: "95 % 置信区间"),
    "margin": Phrase(en: "margin", zh: "奖励差"),
    "curves": Phrase(en: "Training", zh: "训练过程"),
    "shown": Phrase(en: "shown", zh: "显示"),
    "option": Phrase(en: "option", zh: "选项"),
    "trials": Phrase(en: "Trials", zh: "试验"),
    "help": Phrase(
      en:
        "Point at a plot, or touch it, for the values of all; drag to zoom. With the keyboard: arrows move, + and − zoom, "
        + "0 shows the whole run.",
      zh: "指向或触摸任意一张图，可看到所有图在该处的数值；拖动可放大。键盘：方向键移动，+ 和 − 缩放，0 显示全程。"),
    "smoothed": Phrase(
      en: "The strong line is smoothed over the same part of the run in all plots; the faint one shows the records.",
      zh: "粗线是平滑后的曲线，各图的平滑范围相同；细线是原始记录。"),
    "same": Phrase(en: "the options are the same", zh: "选项相同"),
    "notFinite": Phrase(en: "not a finite number", zh: "不是有限的数"),
    "stale": Phrase(
      en:
        "This page is more than a quarter of an hour old. If the run has ended since without a word, `minimind-dpo report` with "
        + "its folder says so.",
      zh: "本页已有一刻钟以上没有更新。若训练在此期间无声地结束了，用 minimind-dpo report 加上它的文件夹就能看到。"),
    "written": Phrase(en: "Written", zh: "生成于"),
    "lines": Phrase(en: "line", zh: "行"),
    "noScript": Phrase(en: "The plots need JavaScript, which is switched off here.", zh: "这里禁用了 JavaScript，无法显示图表。"),
  ]
}
