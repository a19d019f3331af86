import ArgumentParser

/// `--config`, which every command takes. Its options are put in place before the command is parsed.
struct ConfigArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A YAML file with options, a line `option: value` each; the command line wins.", valueName: "file"))
  var config: String?
}
