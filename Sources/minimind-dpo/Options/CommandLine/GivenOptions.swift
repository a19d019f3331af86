/// The options of a command line before the parser sees them: each with its value and the place where it was given.
struct GivenOptions {
  /// Where an option was written.
  enum Origin {
    case commandLine
    case file(String, line: Int)

    /// The file; nil for the command line.
    var source: String? { if case .file(let path, _) = self { path } else { nil } }

    /// What follows an option's name in a message: ` in run.yaml, line 3`; nothing for the command line.
    var place: String {
      switch self {
      case .commandLine: ""
      case .file(let path, let line): " in \(path), line \(line)"
      }
    }
  }

  /// An option; a flag has no value.
  struct Option {
    /// Without dashes; in the command's own spelling once it is known.
    var name: String
    var value: String?
    /// The name as it was typed, with its dashes.
    let typed: String
    let origin: Origin
    /// Whether a file gives it the value null: it is judged, and then left out.
    var isNull = false

    /// The name as it was typed, with dashes in it but not before it.
    var spelling: String { String(CommandLineArguments.dashed(typed).drop { $0 == "-" }) }
  }

  /// All options, in order: of several with one name, the last counts.
  var options: [Option]
  /// Words that belong to no option.
  var positionals: [String] = []

  /// Whether one of these options was given.
  func has(_ names: String...) -> Bool { options.contains { names.contains($0.name) } }

  /// The value of an option; nil where it was not given.
  func value(_ name: String) -> String? { options.last { $0.name == name }?.value }

  /// All values of an option that takes several.
  func values(_ name: String) -> [String] { options.filter { $0.name == name }.compactMap(\.value) }

  /// The value of an option where it was given by this very spelling of its name.
  func value(spelled name: String) -> String? { options.last { $0.spelling == name }?.value }

  /// What the parser is given.
  var arguments: [String] {
    options.map { "--\($0.name)" + ($0.value.map { "=" + $0 } ?? "") }
      // What was written after `--` may look like an option.
      + (positionals.contains { $0.hasPrefix("-") && $0 != "-" } ? ["--"] : []) + positionals
  }
}
