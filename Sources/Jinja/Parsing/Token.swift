import OrderedJSON

/// A piece of a template.
struct Token {
  enum Kind: Equatable {
    case data(String)
    case variableBegin, variableEnd, blockBegin, blockEnd
    case name(String)
    case string(String)
    case integer(Int)
    case longInteger(LongInteger)
    case float(Double)
    case symbol(Symbol)
    case end
  }

  /// Operators and brackets.
  enum Symbol: String, CaseIterable {
    // The longer ones first: the lexer takes the first that fits.
    case floorDivide = "//", power = "**", equal = "==", notEqual = "!=", greaterEqual = ">=", lessEqual = "<="
    case plus = "+", minus = "-", divide = "/", multiply = "*", modulo = "%", tilde = "~"
    case leftBracket = "[", rightBracket = "]", leftParenthesis = "(", rightParenthesis = ")"
    case leftBrace = "{", rightBrace = "}"
    case greater = ">", less = "<", assign = "=", dot = ".", colon = ":", pipe = "|", comma = ",", semicolon = ";"
  }

  var kind: Kind
  /// Counted from 1.
  var line: Int

  /// What an error message calls it.
  var name: String {
    switch kind {
    case .data: "text"
    case .variableBegin: "'{{'"
    case .variableEnd: "'}}'"
    case .blockBegin: "'{%'"
    case .blockEnd: "'%}'"
    case .name(let name): "'\(name)'"
    case .string(let text): "the string '\(text)'"
    case .integer(let value): "the number \(value)"
    case .longInteger(let value): "the number \(value)"
    case .float(let value): "the number \(value)"
    case .symbol(let symbol): "'\(symbol.rawValue)'"
    case .end: "the end of the template"
    }
  }
}
