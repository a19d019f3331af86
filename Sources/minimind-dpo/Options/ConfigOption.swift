import ArgumentParser
import Foundation
import Observability

/// What every command takes: `--config`, whose options are put in place before the command is parsed, and `--lang`.
struct ConfigArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A YAML file with options, a line `option: value` each; the command line wins.", valueName: "file"))
  var config: String?

  @Option(
    help: ArgumentHelp(
      "The language of messages, summary and report: en or zh. (default: as LC_ALL, LC_MESSAGES or LANG says)",
      valueName: "en|zh"))
  var lang: MessageLanguage?

  /// The words that follow are in the language asked for.
  func validate() {
    if let lang { MessageLanguage.current = lang }
  }
}

extension MessageLanguage: ExpressibleByArgument {}
