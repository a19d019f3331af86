import ArgumentParser
import Foundation
import Observability
import Preferences
import Tokenization

/// `data`: what a preference file holds and what training will make of it.
struct InspectData: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data",
    abstract: "Shows the statistics of a preference file: lengths, masks, what is dropped or cut, single pairs.")

  @Argument(help: ArgumentHelp("Preference pairs: JSONL, a JSON array, or either with .gz.", valueName: "file"))
  var positionalFile: String?
  @Option(
    name: [.customLong("train-data"), .customLong("data-path")],
    help: ArgumentHelp("The same as an option.", valueName: "file"))
  var file: String?
  @Option(
    name: [.long, .customLong("model")],
    help: ArgumentHelp(
      "The folder with tokenizer.json and its chat template (a model's own folder has them).", valueName: "folder"))
  var tokenizer: String
  @OptionGroup(title: "Pairs") var pairs: PairArguments
  @Option(help: ArgumentHelp("Seed of --empty-think random.", valueName: "number"))
  var seed: UInt64 = 42
  @Option(help: ArgumentHelp("Print this many pairs, with their target tokens in colour.", valueName: "count"))
  var show: Int?
  @Option(help: ArgumentHelp("The first pair to print, counted from 0.", valueName: "index"))
  var from = 0
  @Option(
    help: ArgumentHelp("Write ids and masks of every pair as JSON lines; - for standard output.", valueName: "file"))
  var dump: String?
  @Flag(help: "Print the statistics as one JSON object.")
  var json = false
  @OptionGroup var config: ConfigArguments

  func validate() throws {
    guard (positionalFile == nil) != (file == nil) else { throw ValidationError("Name one preference file.") }
    guard show ?? 1 >= 1, from >= 0 else { throw ValidationError("--show must be at least 1, --from at least 0.") }
  }

  func run() throws {
    let path = positionalFile ?? file ?? ""
    let folder = URL(fileURLWithPath: tokenizer, isDirectory: true)
    let tokenizer = try Tokenizer(folder: folder)
    let prepared = try PreparedPairs(
      contentsOf: path, tokenizer: tokenizer, folder: folder, options: pairs.options(seed: seed),
      cache: pairs.cache)
    if let dump { try write(prepared.tokenized, to: dump) }
    if let show {
      let usesColour = isatty(STDOUT_FILENO) == 1 && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty
      let display = PairDisplay(tokenizer: tokenizer, usesColour: usesColour)
      guard from < prepared.tokenized.pairs.count else {
        throw Failure(
          .usage, "--from \(from): \(path) has \(HumanText.counted(prepared.tokenized.pairs.count, "pair")).")
      }
      for pair in prepared.tokenized.pairs.dropFirst(from).prefix(show) { Output.line(display.text(of: pair)) }
    }
    if json {
      Output.line(prepared.statistics.json.serialized(.pretty))
    } else if show == nil, dump != "-" {
      Output.line(prepared.statistics.table)
      if !prepared.badLines.isEmpty {
        Output.line("Skipped \(HumanText.counted(prepared.badLines.count, "unusable line")).")
      }
    }
  }

  private func write(_ pairs: TokenizedPairs, to path: String) throws {
    if path == "-" { return try pairs.dump { try FileHandle.standardOutput.write(contentsOf: $0) } }
    guard FileManager.default.createFile(atPath: path, contents: nil), let file = FileHandle(forWritingAtPath: path)
    else { throw Failure(.cannotWrite, "--dump \(path): cannot be written; name a file in a folder that exists.") }
    do {
      try pairs.dump { try file.write(contentsOf: $0) }
      try file.close()
    } catch {
      let reason = ((error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError).flatMap {
        $0.domain == NSPOSIXErrorDomain ? String(cString: strerror(Int32($0.code))) : nil
      }
      throw Failure(.cannotWrite, "--dump \(path): cannot be written\(reason.map { ": " + $0 } ?? "").")
    }
  }
}
