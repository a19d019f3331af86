/// Where the characters of an edited line stand on a terminal: wide ones take two columns, and never half of a row's end.
package struct LineLayout {
  /// What each row shows.
  package private(set) var rows: [String]
  /// The place of the cursor.
  package private(set) var cursor: (row: Int, column: Int)

  /// - Parameters:
  ///   - prompt: what stands before the line
  ///   - width: columns of the terminal
  package init(prompt: String, _ line: EditedLine, width: Int) {
    rows = [""]
    cursor = (0, 0)
    var column = 0
    func put(_ shown: String, _ columns: Int) {
      if column + columns > width, column > 0 {
        rows.append("")
        column = 0
      }
      rows[rows.count - 1] += shown
      column += columns
    }
    for character in prompt { put(String(character), TerminalText.columns(character)) }
    for (place, character) in line.characters.enumerated() {
      let shown = character.isNewline ? "↵" : character
      let columns = TerminalText.columns(shown)
      if place == line.cursor {
        cursor = column + columns > width && column > 0 ? (rows.count, 0) : (rows.count - 1, column)
      }
      put(String(shown), columns)
    }
    guard line.cursor == line.characters.count else { return }
    // Behind the last column there is no place for a cursor.
    if column >= width {
      rows.append("")
      column = 0
    }
    cursor = (rows.count - 1, column)
  }
}
