import ArgumentParser

/// What `data --lint` looks at besides, and what becomes of its findings.
struct LinterArguments: ParsableArguments {
  @Flag(help: "Look for what is wrong with the pairs: each finding with its count, three lines, and what to do.")
  var lint = false

  @Option(
    help: ArgumentHelp(
      "Look for prompts that are also in this evaluation data; may be given more than once. Implies --lint.",
      valueName: "file"), transform: DataFileName.evaluationFile)
  var evalData: [EvaluationFile] = []

  @Option(
    help: ArgumentHelp(
      "Write the file without the pairs of all problems, the other lines unchanged; .gz compresses. Implies --lint.",
      valueName: "file"))
  var writeClean: String?

  @Flag(help: "End with exit code 65 where there is a problem; warnings and notes do not count. Implies --lint.")
  var strict = false

  /// Whether the linter is to run.
  var isAsked: Bool { lint || strict || writeClean != nil || !evalData.isEmpty }
}
