extension JSON {
  /// How a value is written.
  public enum Style: Sendable {
    /// No spaces: `{"a":1,"b":[2,3]}`.
    case compact
    /// As Python's `json.dumps(value, ensure_ascii=False)`: `{"a": 1, "b": [2, 3]}`.
    case python
    /// As Python's `json.dumps(value, ensure_ascii=False, indent=2)`.
    case pretty
  }

  /// The value as JSON text. Numbers are written as Python writes them, `NaN` and `Infinity` included.
  public func serialized(_ style: Style = .compact) -> String {
    let writer =
      switch style {
      case .compact: Writer(itemSeparator: ",", keySeparator: ":", indent: nil)
      case .python: Writer(itemSeparator: ", ", keySeparator: ": ", indent: nil)
      case .pretty: Writer(itemSeparator: ",", keySeparator: ": ", indent: "  ")
      }
    return serialized(writer)
  }

  /// The value as JSON text, with the separators and the indentation of a `Writer`.
  package func serialized(_ writer: Writer) -> String {
    var output = ""
    writer.write(self, into: &output, level: 0)
    return output
  }

  /// The options of Python's `json.dumps`; `ensure_ascii` is off by default.
  package struct Writer: Sendable {
    package var itemSeparator: String
    package var keySeparator: String
    /// What a level of nesting adds in front of a line; nil writes everything in one line.
    package var indent: String?
    package var sortsKeys = false
    package var ensuresASCII = false

    package init(
      itemSeparator: String, keySeparator: String, indent: String?, sortsKeys: Bool = false, ensuresASCII: Bool = false
    ) {
      self.itemSeparator = itemSeparator
      self.keySeparator = keySeparator
      self.indent = indent
      self.sortsKeys = sortsKeys
      self.ensuresASCII = ensuresASCII
    }

    fileprivate func write(_ value: JSON, into output: inout String, level: Int) {
      switch value {
      case .null: output += "null"
      case .bool(let value): output += value ? "true" : "false"
      case .integer(let value): output += String(value)
      case .longInteger(let value): output += value.description
      case .number(let value): output += JSON.text(of: value)
      case .string(let value): write(value, into: &output)
      case .array(let elements):
        write(elements, brackets: ("[", "]"), into: &output, level: level) { element, output in
          write(element, into: &output, level: level + 1)
        }
      case .object(let members):
        let members = sortsKeys ? members.sorted { $0.key.precedesText($1.key) } : Array(members)
        write(members, brackets: ("{", "}"), into: &output, level: level) { member, output in
          write(member.key, into: &output)
          output += keySeparator
          write(member.value, into: &output, level: level + 1)
        }
      }
    }

    private func write<Items: Sequence>(
      _ items: Items, brackets: (String, String), into output: inout String, level: Int,
      item: (Items.Element, inout String) -> Void
    ) {
      output += brackets.0
      var isFirst = true
      for element in items {
        if !isFirst { output += itemSeparator }
        isFirst = false
        newLine(into: &output, level: level + 1)
        item(element, &output)
      }
      if !isFirst { newLine(into: &output, level: level) }
      output += brackets.1
    }

    private func newLine(into output: inout String, level: Int) {
      guard let indent else { return }
      output += "\n"
      for _ in 0..<level { output += indent }
    }

    private func write(_ text: String, into output: inout String) {
      output += "\""
      // Most texts need no escape, and are then appended whole.
      if text.utf8.contains(where: { $0 < 0x20 || $0 == 0x22 || $0 == 0x5C || (ensuresASCII && $0 > 0x7E) }) {
        for scalar in text.unicodeScalars { write(scalar, into: &output) }
      } else {
        output += text
      }
      output += "\""
    }

    private func write(_ scalar: Unicode.Scalar, into output: inout String) {
      switch scalar {
      case "\"": output += "\\\""
      case "\\": output += "\\\\"
      case "\n": output += "\\n"
      case "\r": output += "\\r"
      case "\t": output += "\\t"
      case "\u{8}": output += "\\b"
      case "\u{C}": output += "\\f"
      case _ where scalar.value < 0x20 || (ensuresASCII && scalar.value > 0x7E):
        for unit in String(scalar).utf16 {
          let digits = String(unit, radix: 16)
          output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
      default: output.unicodeScalars.append(scalar)
      }
    }
  }
}
