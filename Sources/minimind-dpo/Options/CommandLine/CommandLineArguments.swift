import ArgumentParser
import Launcher

/// Turns what a user typed into what the parser of a command expects.
///
/// Options may be spelled with underscores, be kept in `--config` files (the command line wins), and be those of TRL,
/// `transformers` and MiniMind. Everything typed is judged here before any file is looked for.
struct CommandLineArguments {
  private let catalog: OptionCatalog
  private let habits: TransformersOptions

  /// The arguments of the command, ready to be parsed.
  ///
  /// - Parameters:
  ///   - arguments: everything after the program's name
  ///   - commands: the commands that there are
  ///   - parse: parses arguments, and throws what is wrong with them
  /// - Throws: `Failure`, and what `parse` throws
  static func prepared(
    _ arguments: [String], for commands: [any ParsableCommand.Type], parse: ([String]) throws -> Void
  ) throws -> [String] {
    let asksForHelp = arguments.first == "help"
    guard let name = asksForHelp ? arguments.dropFirst().first : arguments.first, !name.hasPrefix("-") else {
      return arguments
    }
    guard let command = commands.first(where: { $0._commandName == name }) else {
      throw Failure(
        .usage,
        "Unknown command '\(name)'. " + suggestion(nearest(to: name, among: commands.map { $0._commandName }))
          + "See minimind-dpo --help.")
    }
    if asksForHelp { return arguments }
    return [name]
      + (try CommandLineArguments(command).prepared(Array(arguments.dropFirst())) { try parse([name] + $0) })
  }

  private init(_ command: any ParsableCommand.Type) throws {
    catalog = try OptionCatalog(command)
    habits = TransformersOptions(catalog)
  }

  private static let builtIn: Set<String> = ["--help", "-h", "--help-hidden", "--version", "--experimental-dump-help"]

  private func prepared(_ arguments: [String], parse: ([String]) throws -> Void) throws -> [String] {
    let typed = arguments.prefix { $0 != "--" }
    if let request = typed.first(where: Self.builtIn.contains) { return [request] }
    var given = try read(arguments)
    var fromFiles: [GivenOptions.Option] = []
    for option in given.options where option.name == "config" {
      fromFiles += try ConfigFile.options(of: option.value ?? "").flatMap { try judged($0) }
    }
    given.options = overriding(fromFiles + given.options.filter { $0.name != "config" })
    if catalog.command == "sweep" { return SweepCommandLine.completed(given).arguments }
    guard let script = MiniMindScript.standing(for: catalog.command) else { return given.arguments }
    return try MiniMindCommandLine.completed(given, of: script, parse: parse)
  }

  /// The options without the values of lists that are given again in a later place: those of a file by those of the
  /// command line or of the next file.
  private func overriding(_ options: [GivenOptions.Option]) -> [GivenOptions.Option] {
    options.filter { option in
      guard catalog[option.name]?.takesSeveral == true else { return true }
      return option.origin.source == options.last { $0.name == option.name }?.origin.source
    }
  }

  // MARK: - The command line

  private func read(_ arguments: [String]) throws -> GivenOptions {
    var given = GivenOptions(options: [])
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      if argument == "--" {
        given.positionals += rest
        break
      }
      guard argument.hasPrefix("-"), argument != "-" else {
        guard catalog.takesPositionals else {
          throw Failure(
            .usage,
            "Unexpected argument '\(argument)': every value of \(catalog.command) follows the name of its option. \(seeHelp)"
          )
        }
        given.positionals.append(argument)
        continue
      }
      let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      var option = GivenOptions.Option(
        name: Self.dashed(parts[0].drop { $0 == "-" }), value: parts.count == 2 ? String(parts[1]) : nil,
        typed: String(parts[0]), origin: .commandLine)
      if option.value == nil, let next = rest.first, isValue(next, of: option.name) {
        option.value = next
        rest.removeFirst()
      }
      given.options += try judged(option)
      // `--train-data a.jsonl b.jsonl`: further values of the same option.
      while habits.takesSeveral(option.name), let next = rest.first, isValue(next, of: option.name) {
        option.value = next
        rest.removeFirst()
        given.options += try judged(option)
      }
    }
    return given
  }

  /// `per_device_batch_size` → `per-device-batch-size`.
  static func dashed(_ name: some StringProtocol) -> String {
    String(name.map { $0 == "_" ? "-" : $0 })
  }

  /// Whether a word after an option is its value. Numbers below 0 are values, and so is everything else that does not
  /// begin like an option; after a flag only a truth value is.
  private func isValue(_ word: String, of name: String) -> Bool {
    switch habits.kind(of: name) {
    case .value: !word.hasPrefix("--") && word != "-h"
    case .optionalValue: !word.hasPrefix("-") || Double(word) != nil
    case .flag: !catalog.takesPositionals && TransformersOptions.truth(word) != nil
    case nil: false
    }
  }

  // MARK: - One option

  /// An option in the command's own names; none for a flag that is switched off.
  private func judged(_ option: GivenOptions.Option) throws -> [GivenOptions.Option] {
    let option = try habits.translated(option)
    guard let entry = option.flatMap({ catalog[$0.name] }), var option else {
      guard let option else { return [] }
      throw Failure(
        .usage,
        "Unknown option '\(option.typed)'\(option.origin.place). "
          + Self.suggestion(nearest(to: option.name, among: Array(catalog.names) + habits.spellings).map { "--" + $0 })
          + seeHelp)
    }
    if option.isNull { return [] }
    option.name = entry.name
    if entry.takesValue {
      guard option.value != nil else {
        throw Failure(.usage, "\(option.typed)\(option.origin.place) needs a value. \(seeHelp)")
      }
      return [option]
    }
    guard let value = option.value else { return [option] }
    guard let isOn = TransformersOptions.truth(value) else {
      throw Failure(
        .usage, "\(option.typed)\(option.origin.place) is on or off; \"\(value)\" is neither true nor false.")
    }
    option.value = nil
    return isOn ? [option] : []
  }

  private static func suggestion(_ name: String?) -> String { name.map { "Did you mean '\($0)'? " } ?? "" }

  private var seeHelp: String { "See minimind-dpo \(catalog.command) --help." }
}
