import ArgumentParser
import Files
import Foundation
import MiniMind
import Observability
import OrderedJSON
import Preferences
import Tokenization

/// `data`: what a preference file holds and what training will make of it.
struct InspectData: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data",
    abstract:
      "Shows the statistics of a preference file: lengths, masks, what is dropped or cut, single pairs; and checks it.")

  @Argument(
    help: ArgumentHelp("Preference pairs: JSONL, a JSON array, or either with .gz; also several.", valueName: "file"))
  var positionalFiles: [String] = []
  @Option(
    name: [.customLong("train-data"), .customLong("data-path")], parsing: .upToNextOption,
    help: ArgumentHelp(
      "The same as an option, with what train takes of each file: FILE=WEIGHT or FILE#COUNT.", valueName: "file"),
    transform: DataFileName.source)
  var trainData: [PairSource] = []
  @Option(
    name: [.long, .customLong("model")],
    help: ArgumentHelp(
      "The folder with tokenizer.json and its chat template, or a model that has them. (default: model/ of a MiniMind checkout)",
      valueName: "folder"))
  var tokenizer: String?
  @Flag(help: "The files are texts for sft, not preference pairs.")
  var texts = false
  @Flag(help: "Look at the chosen sides alone, as sft --from-preferences learns them.")
  var fromPreferences = false
  @OptionGroup(title: "Pairs") var pairs: PairArguments
  @Option(
    help: "What decides the length of an epoch of weighted files: interleave_under or interleave_over; see train.")
  var mixStrategy = PairMixture.Strategy.under
  @Option(
    help: ArgumentHelp("Say what train would hold out: a share, or a number of pairs.", valueName: "share|count"),
    transform: DataFileName.heldOutSize)
  var evalSplit: HeldOutSize?
  @Option(help: ArgumentHelp("Seed of --empty-think random.", valueName: "number"))
  var seed: UInt64 = 42
  @Option(help: ArgumentHelp("Print this many pairs, with their target tokens in colour.", valueName: "count"))
  var show: Int?
  @Option(help: ArgumentHelp("The first pair to print, counted from 0.", valueName: "index"))
  var from = 0
  @Option(
    help: ArgumentHelp("Write ids and masks of every pair as JSON lines; - for standard output.", valueName: "file"))
  var dump: String?
  @OptionGroup(title: "Linter") var linter: LinterArguments
  @Flag(help: "Print the statistics, or the linter's findings, as one JSON object.")
  var json = false
  @OptionGroup var config: ConfigArguments

  func validate() throws {
    guard positionalFiles.isEmpty != trainData.isEmpty else {
      throw ValidationError("Name preference files: as they are, or with --train-data.")
    }
    guard linter.writeClean == nil || positionalFiles.count + trainData.count == 1 else {
      throw ValidationError("--write-clean writes the copy of one file; name one.")
    }
    guard linter.writeClean == nil || pairs.maxSamples == nil else {
      throw ValidationError("--write-clean copies whole files; leave out --max-samples.")
    }
    guard !texts || !fromPreferences else {
      throw ValidationError("--texts and --from-preferences contradict each other.")
    }
    guard !(texts || fromPreferences) || !linter.isAsked else {
      throw ValidationError("The linter looks at preference pairs; leave out --texts and --from-preferences.")
    }
    guard show ?? 1 >= 1, from >= 0 else { throw ValidationError("--show must be at least 1, --from at least 0.") }
  }

  func run() throws {
    let folder = try tokenizerFolder
    let tokenizer = try Tokenizer(folder: folder)
    var options = pairs.options(seed: seed)
    options.examples = texts ? .texts : fromPreferences ? .chosenTexts : .pairs
    let sources = trainData.isEmpty ? positionalFiles.map { PairSource(path: $0) } : trainData
    let files = try sources.map { source in
      let prepared = try PreparedPairs(
        contentsOf: source.path, tokenizer: tokenizer, folder: folder, options: options, cache: pairs.cache)
      return (source: source, prepared: prepared)
    }
    let all = TokenizedPairs(joining: files.map(\.prepared.tokenized), options: options)
    if let dump { try write(all, to: dump) }
    if let show {
      let usesColour = isatty(STDOUT_FILENO) == 1 && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty
      let display = PairDisplay(tokenizer: tokenizer, usesColour: usesColour)
      guard from < all.pairs.count else {
        let names = sources.map(\.path).joined(separator: ", ")
        throw Failure(
          .usage, "--from \(from): \(names) has \(HumanText.counted(all.pairs.count, options.examples.noun)).")
      }
      for pair in all.pairs.dropFirst(from).prefix(show) { Output.line(display.text(of: pair)) }
    }
    if linter.isAsked { return try lint(files, tokenizer: tokenizer, folder: folder, options: options) }
    if json {
      Output.line(statistics(of: files).serialized(.pretty))
    } else if show == nil, dump != "-" {
      for (source, prepared) in files {
        if files.count > 1 { Output.line(source.path) }
        Output.line(prepared.statistics.tableInWords)
        if !prepared.badLines.isEmpty {
          let count = prepared.badLines.count
          Output.line(
            Phrase(
              en: "Skipped \(HumanText.counted(count, "unusable line")).",
              zh: "跳过了 \(HumanText.grouped(count)) 行无法使用的数据。"
            ).text)
        }
      }
      let isPlain = files.count == 1 && sources[0].amount == .all && evalSplit == nil && pairs.minMargin == nil
      if !isPlain {
        let data = try TrainingData(files, heldOut: evalSplit, strategy: mixStrategy, seed: seed)
        if let summary = data.summary { Output.line(summary.text) }
      }
    }
  }

  private var tokenizerFolder: URL {
    get throws {
      if let tokenizer {
        var isFolder: ObjCBool = false
        let isFile = FileManager.default.fileExists(atPath: tokenizer, isDirectory: &isFolder) && !isFolder.boolValue
        return isFile
          ? try ModelSource(path: tokenizer, shape: KnownShape()).tokenizerFolder
          : URL(fileURLWithPath: tokenizer, isDirectory: true)
      }
      guard let found = MiniMindCheckout().tokenizer(besides: "out") else {
        throw Failure(
          .usage,
          "--tokenizer: name the folder with tokenizer.json (a model's own folder has it). Only in a MiniMind checkout, or its "
            + "folder trainer/, it is found by itself, in model/.")
      }
      return URL(fileURLWithPath: found, isDirectory: true)
    }
  }

  /// One object of a file's numbers; of several files a list of them, each with its name.
  private func statistics(of files: [(source: PairSource, prepared: PreparedPairs)]) -> JSON {
    named(files.map { ($0.source.path, $0.prepared.statistics.json) })
  }

  private func named(_ objects: [(path: String, json: JSON)]) -> JSON {
    if objects.count == 1 { return objects[0].json }
    return .array(
      objects.map { path, json in
        var members: JSON.Object = ["file": .string(path)]
        for (name, value) in json.object ?? [:] { members[name] = value }
        return .object(members)
      })
  }

  /// What the linter says of each file by itself.
  private func lint(
    _ files: [(source: PairSource, prepared: PreparedPairs)], tokenizer: Tokenizer, folder: URL, options: PairOptions
  ) throws {
    let held = try linter.evalData.map { file in
      let held = try PreparedPairs(
        contentsOf: file.path, tokenizer: tokenizer, folder: folder, options: options, cache: pairs.cache)
      return (name: file.path, pairs: held.tokenized)
    }
    let reports = files.map { source, prepared in
      var report = prepared.lint
      report.addLeaks(of: prepared.tokenized, into: held)
      return (path: source.path, report: report)
    }
    if json {
      Output.line(named(reports.map { ($0.path, $0.report.json) }).serialized(.pretty))
    } else {
      for (path, report) in reports { Output.line(LintPrinter(report: report, path: path).text) }
    }
    if let prepared = files.first?.prepared, let (path, report) = reports.first {
      try linter.writeCopy(of: prepared, report: report, path: path)
    }
    try linter.refuse(reports)
  }

  private func write(_ pairs: TokenizedPairs, to path: String) throws {
    if path == "-" { return pairs.dump { Output.write(bytes: $0) } }
    do {
      let file = try AtomicFile(URL(fileURLWithPath: path))
      try pairs.dump { try file.writer.write(Array($0)) }
      try file.commit()
    } catch {
      throw Failure(.cannotWrite, "--dump \(error)")
    }
  }
}
