import ArgumentParser
import OrderedJSON

/// The options of a command, as its own help lists them: what may be given, and which options take a value.
struct OptionCatalog {
  /// An option or a flag.
  struct Entry {
    /// The name that stands for all its spellings, without dashes.
    let name: String
    let takesValue: Bool
    /// Whether several values may follow the name.
    let takesSeveral: Bool
    /// What the help calls the value: `steps`, `folder`.
    let valueName: String
  }

  /// The command, as it is typed.
  let command: String
  /// Whether the command has arguments that are no options.
  let takesPositionals: Bool
  private var entries: [String: Entry] = [:]

  /// Reads the options of a command.
  init(_ command: any ParsableCommand.Type) throws {
    self.command = command._commandName
    let dump = try JSON(parsing: command._dumpHelp())
    var takesPositionals = false
    for argument in dump["command"]?["arguments"]?.array ?? [] {
      let kind = argument["kind"]?.string
      if kind == "positional" { takesPositionals = true }
      guard let name = argument["preferredName"]?["name"]?.string else { continue }
      let entry = Entry(
        name: name, takesValue: kind == "option",
        takesSeveral: kind == "option" && argument["parsingStrategy"]?.string == "upToNextOption",
        valueName: argument["valueName"]?.string ?? name)
      for spelling in argument["names"]?.array ?? [] {
        if let spelled = spelling["name"]?.string, spelling["kind"]?.string == "long" { entries[spelled] = entry }
      }
    }
    self.takesPositionals = takesPositionals
  }

  /// The option of a name, spelled in any of its ways; nil where the command has none.
  subscript(name: String) -> Entry? { entries[name] }

  /// All spellings.
  var names: some Sequence<String> { entries.keys }
}
