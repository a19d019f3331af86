import Foundation
import Observability
import Testing

import struct Observability.Progress

@Suite("The progress line")
struct ProgressTests {
  private var progress: Progress {
    var progress = Progress(done: 120, total: 1560)
    progress.loss = 0.67123
    progress.margin = 0.1236
    progress.accuracy = 0.7188
    progress.learningRate = 4e-8
    progress.gradientNorm = 3.14159
    progress.pairsPerSecond = 3.24
    progress.tokensPerSecond = 12_345
    progress.secondsLeft = 3720
    progress.memoryBytes = 2_254_857_830
    return progress
  }

  @Test("A wide terminal shows everything")
  func wide() {
    #expect(
      progress.terminalLine(width: 160)
        == "train 120/1560 ━─────────────────── 7 %  loss 0.6712  acc 71.9 %  margin 0.124  3.2 pairs/s  12.3k tok/s  "
        + "1 h 02 min left  2.1 GiB")
  }

  @Test(
    "A narrower one loses what can be read elsewhere, then the bar; loss, accuracy, speed and time left stay longest")
  func narrow() {
    #expect(
      progress.terminalLine(width: 100)
        == "train 120/1560 ────────── 7 %  loss 0.6712  acc 71.9 %  margin 0.124  3.2 pairs/s  1 h 02 min left")
    #expect(
      progress.terminalLine(width: 79)
        == "120/1560  loss 0.6712  acc 71.9 %  margin 0.124  3.2 pairs/s  1 h 02 min left")
    #expect(
      progress.terminalLine(width: 70) == "train 120/1560  loss 0.6712  acc 71.9 %  3.2 pairs/s  1 h 02 min left")
    #expect(progress.terminalLine(width: 40) == "120/1560  loss 0.6712  1 h 02 min left")
    #expect(progress.terminalLine(width: 5) == "120/1")
  }

  @Test("No width is ever exceeded, and no figure is cut in two", arguments: 0...200, MessageLanguage.allCases)
  func widths(width: Int, language: MessageLanguage) {
    let line = progress.terminalLine(width: width, in: language)
    #expect(TerminalText.columns(line) <= width)
    let whole = progress.terminalLine(width: 500, in: language).components(separatedBy: "  ")
    if width >= 8 { #expect(line.components(separatedBy: "  ").dropFirst().allSatisfy(whole.contains)) }
  }

  @Test("A rank is named only where the others wait for it")
  func lag() {
    var lagging = progress
    lagging.lagging = .init(rank: 3, ratio: 1.42)
    #expect(lagging.terminalLine(width: 160).contains("  rank 3 lags (1.4×)"))
    #expect(lagging.plainLine.contains(", rank 3 lags (1.4×)"))
  }

  @Test("Other tasks show the figures they have")
  func otherTasks() {
    var tokenizing = Progress(task: "tokenize", done: 250, total: 1000, unit: "pair")
    tokenizing.pairsPerSecond = 1234
    #expect(tokenizing.terminalLine(width: 60) == "tokenize 250/1000 ━━━━━─────────────── 25 %  1.2k pairs/s")
    #expect(tokenizing.plainLine == "tokenize pair 250/1000 (25 %), 1.2k pairs/s")
    #expect(Progress(task: "read", done: 5, total: 0).terminalLine(width: 60) == "read 5")
  }

  @Test("The bar is full at the end, and 100 % is not said before")
  func end() {
    #expect(Progress(done: 1559, total: 1560).terminalLine(width: 60).hasSuffix("─ 99 %"))
    #expect(Progress(done: 1560, total: 1560).terminalLine(width: 60).hasSuffix("━ 100 %"))
  }

  @Test("A plain line adds what has no room on a terminal, and so does a line that stays on one")
  func plain() {
    #expect(
      progress.plainLine(in: .english)
        == "train step 120/1560 (7 %), loss 0.6712, acc 71.9 %, margin 0.124, 3.2 pairs/s, 12.3k tok/s, 1 h 02 min left, "
        + "2.1 GiB, learning rate 4e-8, gradient norm 3.14")
    #expect(
      progress.keptLine(width: 160)
        == "train 120/1560 7 %  loss 0.6712  acc 71.9 %  margin 0.124  3.2 pairs/s  12.3k tok/s  1 h 02 min left  2.1 GiB  "
        + "learning rate 4e-8  gradient norm 3.14")
  }

  @Test("In Chinese the same figures are there, and wide characters are counted as two columns")
  func chinese() {
    #expect(
      progress.plainLine(in: .chinese)
        == "训练 120/1560 步（7 %），损失 0.6712，准确率 71.9 %，奖励差 0.124，3.2 对/秒，12.3k tok/s，剩余 1 小时 02 分，2.1 GiB，学习率 4e-8，梯度范数 3.14"
    )
    #expect(
      progress.terminalLine(width: 80, in: .chinese)
        == "120/1560  损失 0.6712  准确率 71.9 %  奖励差 0.124  3.2 对/秒  剩余 1 小时 02 分")
    #expect(TerminalText.columns("损失 0.67") == 9)
  }
}

@Suite("Text on a terminal")
struct TerminalTextTests {
  @Test("English breaks at spaces, Chinese between characters, and neither before a closing mark")
  func wrapping() {
    #expect(TerminalText.wrapped("one two three", width: 7) == "one two\nthree")
    #expect(TerminalText.wrapped("训练正常结束。模型已保存。", width: 14) == "训练正常结束。\n模型已保存。")
    #expect(TerminalText.wrapped("训练正常结束。", width: 12) == "训练正常结\n束。")
    #expect(TerminalText.wrapped("在 160 个偏好对上", width: 8) == "在 160\n个偏好对\n上")
  }

  @Test("A number stays with its unit, whatever the width", arguments: 1...40)
  func units(width: Int) {
    let text = TerminalText.wrapped(
      "accuracy 71.9 % (95 % interval 60 to 83.5 %) in 5 min 09 s over 2.1 GiB", width: width)
    for whole in ["71.9 %", "(95 %", "83.5 %)", "5 min", "09 s", "2.1 GiB"] { #expect(text.contains(whole), "\(text)") }
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= max(width, 12) })
  }
}
