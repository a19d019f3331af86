import OrderedJSON

/// A method of `str`.
struct StringMethod: Sendable {
  typealias Body = @Sendable (String, Bound, Renderer) throws(TemplateError) -> Value

  private enum Kind: Sendable {
    case bound(Signature, Body)
    /// Takes any arguments.
    case format
    /// Exists in Python, but not here.
    case unsupported
  }

  private let kind: Kind

  private init(_ kind: Kind) { self.kind = kind }

  static func method(_ parameters: String..., required: Int = 0, _ body: @escaping Body) -> StringMethod {
    StringMethod(.bound(Signature(parameters, required: required), body))
  }

  static func property(_ body: @escaping @Sendable (String) -> Value) -> StringMethod {
    method { (text, _, _) throws(TemplateError) in body(text) }
  }

  func call(
    _ name: String, _ text: String, _ arguments: Arguments, _ renderer: Renderer
  ) throws(TemplateError) -> Value {
    switch kind {
    case .bound(let signature, let body):
      if StringMethod.searching.contains(name), let part = arguments.positional.first ?? arguments.named.first?.value {
        try renderer.spendSearching(part, in: text)
      } else {
        try renderer.spend(text.utf8.count)
      }
      return try body(text, try signature.bind(arguments, to: name), renderer)
    case .format: return .string(try BraceFormat(text).apply(arguments, renderer))
    case .unsupported: throw TemplateError(.unsupported, "the string method '\(name)' is not supported")
    }
  }

  static let all: [String: StringMethod] = {
    var all = cases.merging(searches) { first, _ in first }
    all.merge(splits) { first, _ in first }
    all.merge(questions) { first, _ in first }
    all["format"] = StringMethod(.format)
    for name in [
      "encode", "expandtabs", "format_map", "isidentifier", "isprintable", "istitle", "maketrans", "translate",
    ] {
      all[name] = StringMethod(.unsupported)
    }
    return all
  }()

  /// Methods that look for a text, which the first argument is.
  private static let searching: Set<String> = [
    "find", "rfind", "index", "rindex", "count", "replace", "split", "rsplit", "partition", "rpartition",
  ]

  // MARK: Case, white space, padding

  private static let cases: [String: StringMethod] = [
    "upper": property { .string($0.uppercased()) },
    "lower": property { .string($0.lowercased()) },
    "casefold": property { .string($0.lowercased().replacing("ß", with: "ss")) },
    "capitalize": property { .string($0.capitalizedText) },
    "title": property { .string($0.titleText) },
    "swapcase": property { text in
      .string(
        text.unicodeScalars.map {
          $0.properties.isUppercase ? $0.properties.lowercaseMapping : $0.properties.uppercaseMapping
        }
        .joined())
    },
    "strip": method("chars") { (text, arguments, _) throws(TemplateError) in
      .string(text.stripped(of: try arguments.text(0)))
    },
    "lstrip": method("chars") { (text, arguments, _) throws(TemplateError) in
      .string(text.stripped(right: false, of: try arguments.text(0)))
    },
    "rstrip": method("chars") { (text, arguments, _) throws(TemplateError) in
      .string(text.stripped(left: false, of: try arguments.text(0)))
    },
    "removeprefix": method("prefix", required: 1) { (text, arguments, _) throws(TemplateError) in
      let prefix = try arguments.requiredText(0)
      return .string(text.hasTextPrefix(prefix) ? text.bytes(prefix.utf8.count..<text.utf8.count) : text)
    },
    "removesuffix": method("suffix", required: 1) { (text, arguments, _) throws(TemplateError) in
      let suffix = try arguments.requiredText(0)
      return .string(text.hasTextSuffix(suffix) ? text.bytes(0..<text.utf8.count - suffix.utf8.count) : text)
    },
    "ljust": padding { ($0, 0) },
    "rjust": padding { (0, $0) },
    // As CPython centres: the odd blank goes left when the width is odd.
    "center": padding { (missing, width) in
      (missing - (missing / 2 + (missing & width & 1)), missing / 2 + (missing & width & 1))
    },
    "zfill": method("width", required: 1) { (text, arguments, renderer) throws(TemplateError) in
      let missing = max(0, (try arguments.integer(0) ?? 0) - text.codePointCount)
      try renderer.spend(missing)
      let sign = text.hasTextPrefix("-") || text.hasTextPrefix("+") ? 1 : 0
      return .string(
        text.bytes(0..<sign) + String(repeating: "0", count: missing) + text.bytes(sign..<text.utf8.count))
    },
  ]

  private static func padding(_ split: @escaping @Sendable (Int) -> (right: Int, left: Int)) -> StringMethod {
    padding { (missing, _) in split(missing) }
  }

  private static func padding(_ split: @escaping @Sendable (Int, Int) -> (right: Int, left: Int)) -> StringMethod {
    method("width", "fillchar", required: 1) { (text, arguments, renderer) throws(TemplateError) in
      let width = try arguments.integer(0) ?? 0
      let fill = try arguments.text(1) ?? " "
      guard fill.codePointCount == 1 else { throw .runtime("the fill character must be exactly one character long") }
      let missing = width - text.codePointCount
      guard missing > 0 else { return .string(text) }
      try renderer.spend(missing)
      let (right, left) = split(missing, width)
      return .string(String(repeating: fill, count: left) + text + String(repeating: fill, count: right))
    }
  }

  // MARK: Questions

  private static func all(_ test: @escaping @Sendable (Unicode.Scalar) -> Bool) -> StringMethod {
    property { .bool(!$0.isEmpty && $0.unicodeScalars.allSatisfy(test)) }
  }

  private static let questions: [String: StringMethod] = [
    "isalpha": all(\.isPythonAlphabetic),
    "isalnum": all { $0.isPythonAlphabetic || $0.properties.numericType != nil },
    "isdecimal": all { $0.properties.generalCategory == .decimalNumber },
    "isdigit": all { $0.properties.numericType == .decimal || $0.properties.numericType == .digit },
    "isnumeric": all { $0.properties.numericType != nil },
    "isspace": all(\.isPythonSpace),
    "isascii": property { .bool($0.unicodeScalars.allSatisfy(\.isASCII)) },
    "isupper": property { .bool($0.isUpperText) },
    "islower": property { .bool($0.isLowerText) },
  ]
}

extension String {
  /// Python's `isupper`: cased letters, and none of them lower or title case.
  var isUpperText: Bool {
    unicodeScalars.contains { $0.properties.isUppercase }
      && !unicodeScalars.contains { $0.properties.isLowercase || $0.properties.generalCategory == .titlecaseLetter }
  }

  /// Python's `islower`.
  var isLowerText: Bool {
    unicodeScalars.contains { $0.properties.isLowercase }
      && !unicodeScalars.contains { $0.properties.isUppercase || $0.properties.generalCategory == .titlecaseLetter }
  }
}

extension Unicode.Scalar {
  fileprivate var isPythonAlphabetic: Bool {
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }
}
