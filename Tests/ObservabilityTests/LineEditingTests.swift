import Foundation
import Observability
import Testing

@Suite("Editing a line at a terminal")
struct LineEditingTests {
  /// The keys of some bytes.
  private func keys(_ text: String) -> [Key] { keys(Array(text.utf8)) }

  private func keys(_ bytes: [UInt8]) -> [Key] {
    var reader = KeyReader()
    return bytes.compactMap { reader.append($0) }
  }

  private func typed(_ text: String) -> EditedLine {
    var line = EditedLine()
    for key in keys(text) { line.apply(key) }
    return line
  }

  @Test("Characters of one to four bytes are keys, whatever pieces they come in; broken ones are none")
  func characters() {
    #expect(keys("aé中😀") == [.text("a"), .text("é"), .text("中"), .text("😀")])
    #expect(keys([0xE4, 0xB8, 0x61, 0xFF, 0x80, 0x62]) == [.text("a"), .text("b")])
    #expect(keys([0xC0, 0xAF, 0xED, 0xA0, 0x80]) == [])
  }

  @Test("The sequences of terminals for the same key are the same key")
  func sequences() {
    #expect(keys("\u{1B}[D\u{1B}OD\u{02}") == [.left, .left, .left])
    #expect(keys("\u{1B}[A\u{1B}OB\u{1B}[C") == [.up, .down, .right])
    #expect(keys("\u{1B}[H\u{1B}OH\u{1B}[1~\u{1B}[7~\u{01}") == Array(repeating: .home, count: 5))
    #expect(keys("\u{1B}[F\u{1B}OF\u{1B}[4~\u{1B}[8~\u{05}") == Array(repeating: .end, count: 5))
    #expect(keys("\u{1B}[3~\u{1B}[1;5D\u{1B}b\u{1B}\u{7F}") == [.delete, .wordLeft, .wordLeft, .deleteWordLeft])
    #expect(keys("\u{1B}[99;7Xa\u{1B}[Zb") == [.text("a"), .text("b")], "unknown ones are nothing")
    #expect(
      keys("\r\n\u{7F}\u{08}\t\u{03}\u{04}") == [.enter, .enter, .backspace, .backspace, .tab, .interrupt, .endOfInput])
  }

  @Test("A bracketed paste is one key, its line feeds part of the text")
  func paste() {
    #expect(keys("\u{1B}[200~你好\nworld\u{1B}[201~!") == [.paste("你好\nworld"), .text("!")])
    #expect(typed("\u{1B}[200~a\tb\r\nc\u{07}\u{1B}[201~").text == "a  b\nc")
  }

  @Test("Backspace takes one character, also a wide one, or one with marks, or a family of four")
  func backspace() {
    #expect(typed("你好\u{7F}").text == "你")
    #expect(typed("e\u{301}x\u{7F}\u{7F}").text == "")
    #expect(typed("a👨‍👩‍👧‍👦\u{7F}").text == "a")
    #expect(typed("\u{7F}\u{7F}a").text == "a")
  }

  @Test("Text is inserted at the cursor, and the keys of the shell move and cut")
  func editing() {
    #expect(typed("bc\u{01}a").text == "abc")
    #expect(typed("中文\u{1B}[D英").text == "中英文")
    #expect(typed("one two\u{17}three").text == "one three")
    #expect(typed("one two\u{1B}[D\u{1B}[D\u{15}").text == "wo")
    #expect(typed("one two\u{1B}b\u{0B}").text == "one ")
    #expect(typed("one two\u{17}\u{01}\u{19}").text == "twoone ")
    #expect(typed("abc\u{01}\u{1B}[3~\u{04}").text == "c")
    #expect(typed("a b\u{1B}b\u{1B}b\u{1B}fX").text == "aX b")
    #expect(typed("abc\u{1B}[D\u{1B}[D").cursor == 1)
    #expect(typed("ab\u{1B}[C\u{1B}[C\u{1B}[D\u{1B}[D\u{1B}[D").cursor == 0)
  }

  private func place(_ layout: LineLayout) -> [Int] { [layout.cursor.row, layout.cursor.column] }

  @Test("Wide characters take two columns, and one that does not fit into a row begins the next")
  func layout() {
    let short = LineLayout(prompt: "> ", EditedLine("你好a"), width: 20)
    #expect(short.rows == ["> 你好a"])
    #expect(place(short) == [0, 7])
    let narrow = LineLayout(prompt: "> ", EditedLine("你好吗"), width: 7)
    #expect(narrow.rows == ["> 你好", "吗"])
    #expect(place(narrow) == [1, 2])
    let full = LineLayout(prompt: "> ", EditedLine("abc"), width: 5)
    #expect(full.rows == ["> abc", ""])
    #expect(place(full) == [1, 0])
    var line = EditedLine("你好吗")
    line.apply(.left)
    #expect(place(LineLayout(prompt: "> ", line, width: 7)) == [1, 0])
    line.apply(.home)
    #expect(place(LineLayout(prompt: "> ", line, width: 7)) == [0, 2])
    #expect(LineLayout(prompt: "", EditedLine("a\nb"), width: 9).rows == ["a↵b"])
  }

  @Test("Up and Down go through the lines before, and come back to the one that was begun")
  func history() {
    var history = LineHistory()
    #expect(history.older(than: "x") == nil)
    for line in ["one", "two", "two", ""] { history.add(line) }
    #expect(history.older(than: "begun") == "two")
    #expect(history.older(than: "two") == "one")
    #expect(history.older(than: "one") == nil)
    #expect(history.newer() == "two")
    #expect(history.newer() == "begun")
    #expect(history.newer() == nil)
  }

  @Test("The history's file keeps lines with line feeds and backslashes, of limited number, for its owner alone")
  func historyFile() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("history-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = try #require(LineHistory.standardFile("program", environment: ["XDG_STATE_HOME": folder.path]))
    #expect(file.path == folder.path + "/program/history")
    var history = LineHistory(file: file, limit: 3)
    for line in ["1", "2", #"C:\new"#, "a\nb"] { history.add(line) }
    let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    var again = LineHistory(file: file, limit: 3)
    #expect(again.older(than: "") == "a\nb")
    #expect(again.older(than: "") == #"C:\new"#)
    #expect(again.older(than: "") == "2")
    #expect(again.older(than: "") == nil)
    #expect(LineHistory.standardFile("p", environment: ["HOME": "/home/x"])?.path == "/home/x/.local/state/p/history")
    #expect(LineHistory.standardFile("p", environment: ["XDG_STATE_HOME": "relative"]) == nil)
  }
}
