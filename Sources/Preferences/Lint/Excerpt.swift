/// The beginning of a text in quotes and on one line, for a note. Control characters do not reach the terminal.
func excerpt(_ text: String, length: Int = 48) -> String {
  var shown = String.UnicodeScalarView()
  var rest = text.unicodeScalars.drop(while: \.properties.isWhitespace)
  while let scalar = rest.popFirst(), shown.count < length {
    let isControl =
      scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) || (0x2028...0x202E).contains(scalar.value)
    shown.append(isControl ? " " : scalar)
  }
  return "“\(String(shown))\(rest.isEmpty ? "" : "…")”"
}
