/// The little HTML that the report needs.
enum HTML {
  /// Text made safe for content and quoted attributes. Control characters, which HTML forbids, become visible signs.
  static func escape(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\n", "\t": result.unicodeScalars.append(scalar)
      case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}": result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// A plot with its title and caption; nil where nothing was measured.
  ///
  /// - Parameter legend: HTML
  static func figure(_ chart: Chart, legend: String) -> String? {
    chart.svg().map { svg in
      """
      <figure>
      <figcaption><h3>\(escape(chart.title))</h3>\(legend)<p>\(escape(chart.caption))</p></figcaption>
      \(svg)
      </figure>
      """
    }
  }

  /// A table, which scrolls sideways by itself when it is wider than the page. The cells are HTML already.
  static func table(head: [String], rows: [[String]], rowClass: (Int) -> String = { _ in "" }) -> String {
    let header = head.isEmpty ? "" : "<thead><tr>" + head.map { "<th>\($0)</th>" }.joined() + "</tr></thead>"
    let body = rows.enumerated().map { index, cells in
      let style = rowClass(index)
      let attribute = style.isEmpty ? "" : " class=\"\(style)\""
      let first = cells.first.map { "<th scope=\"row\">\($0)</th>" } ?? ""
      return "<tr\(attribute)>" + first + cells.dropFirst().map { "<td>\($0)</td>" }.joined() + "</tr>"
    }
    return "<div class=\"scroll\"><table>\(header)<tbody>\n\(body.joined(separator: "\n"))\n</tbody></table></div>"
  }
}
