import Observability
import Testing

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
        == "train 120/1560 ━─────────────────── 7 %  loss 0.6712  margin 0.124  acc 71.9 %  3.2 pairs/s  12.3k tok/s  "
        + "1 h 02 min left  2.1 GiB")
  }

  @Test("A narrower one loses the bar's length, then what can be read elsewhere")
  func narrow() {
    #expect(
      progress.terminalLine(width: 100)
        == "train 120/1560 ────────── 7 %  loss 0.6712  margin 0.124  acc 71.9 %  3.2 pairs/s  1 h 02 min left")
    #expect(
      progress.terminalLine(width: 79)
        == "train 120/1560 7 %  loss 0.6712  margin 0.124  acc 71.9 %  1 h 02 min left")
    #expect(progress.terminalLine(width: 40) == "train 120/1560 7 %  loss 0.6712")
    #expect(progress.terminalLine(width: 8) == "train 12")
  }

  @Test("No width is ever exceeded, and more room never shows less", arguments: 0...200)
  func widths(width: Int) {
    #expect(progress.terminalLine(width: width).count <= width)
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

  @Test("A plain line adds what has no room on a terminal")
  func plain() {
    #expect(
      progress.plainLine
        == "train step 120/1560 (7 %), loss 0.6712, margin 0.124, acc 71.9 %, 3.2 pairs/s, 12.3k tok/s, 1 h 02 min left, "
        + "2.1 GiB, learning rate 4e-8, gradient norm 3.14")
  }
}
