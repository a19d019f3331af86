import ArgumentParser
import Foundation
import Preferences

/// The files that a run learns from, and those it is measured on.
struct DataFileArguments: ParsableArguments {
  @Option(
    name: [.long, .customLong("data-path")], parsing: .upToNextOption,
    help: ArgumentHelp(
      """
      Preference pairs, in sft texts: JSONL or a JSON array, also with .gz. Several files may be named; FILE=WEIGHT sets the \
      file's share of an epoch, FILE#COUNT takes so many of its pairs or texts.
      """, valueName: "file"), transform: DataFileName.source)
  var trainData: [PairSource]

  @Option(
    help: """
      What decides the length of an epoch of weighted files: interleave_under, the file that is used up first, so that no pair \
      repeats within it; or interleave_over, the file that is used up last, so that pairs of the others repeat.
      """)
  var mixStrategy = PairMixture.Strategy.under

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      """
      Held-out pairs, measured before and after training (see --eval-strategy). Several files are measured one by one, as \
      eval_NAME_…, and together; NAME is the file's, or given as NAME=FILE.
      """, valueName: "file"), transform: DataFileName.evaluationFile)
  var evalData: [EvaluationFile] = []

  @Option(
    help: ArgumentHelp(
      "Hold out a part of --train-data instead: a share (0.02) or a number of pairs (500). No prompt is on both sides.",
      valueName: "share|count"), transform: DataFileName.heldOutSize)
  var evalSplit: HeldOutSize?

  func validate() throws {
    let weighted = self.weighted
    guard weighted.isEmpty || weighted.count == trainData.count else {
      let without = trainData.first { !weighted.contains($0) }?.description ?? ""
      throw ValidationError(
        "--train-data: \(weighted[0]) has a weight and \(without) has none. Give every file a weight, or none.")
    }
    guard evalSplit == nil || evalData.isEmpty else {
      throw ValidationError("--eval-split and --eval-data contradict each other: held-out pairs come from one of them.")
    }
    _ = try evaluationFiles
  }

  private var weighted: [PairSource] { trainData.filter { if case .weight = $0.amount { true } else { false } } }

  /// Whether files have weights.
  var isWeighted: Bool { !weighted.isEmpty }

  /// The held-out files; of several, each has a name of its own.
  var evaluationFiles: [EvaluationFile] { get throws { try EvaluationFile.named(evalData) } }
}

/// A file of held-out pairs, with the name that it is measured under.
struct EvaluationFile: Hashable, CustomStringConvertible {
  /// nil for the one file of a run, whose metrics are `eval_…`.
  var name: String?
  var path: String

  /// The file as the user would write it.
  var description: String { name.map { "\($0)=\(path)" } ?? path }

  /// The same files; where there are several, those without a name are called as the file is.
  static func named(_ files: [EvaluationFile]) throws(ValidationError) -> [EvaluationFile] {
    guard files.count > 1 else { return files }
    var named = files
    for index in named.indices where named[index].name == nil {
      let file = URL(fileURLWithPath: named[index].path).lastPathComponent
      named[index].name = String(file.prefix { $0 != "." })
    }
    for (index, file) in named.enumerated() where named[..<index].contains(where: { $0.name == file.name }) {
      throw ValidationError(
        "--eval-data: two sets are called \"\(file.name ?? "")\"; name them with NAME=FILE, each in its own way.")
    }
    return named
  }
}

/// How files of pairs are written on the command line.
enum DataFileName {
  static func source(_ text: String) throws -> PairSource {
    guard !text.isEmpty else { throw ValidationError("expected the path of a file") }
    return try PairSource(text, exists: FileManager.default.fileExists(atPath:))
  }

  /// A name has letters, digits, `_`, `-` and `.`; whatever else stands before a `=` belongs to the path.
  static func evaluationFile(_ text: String) throws -> EvaluationFile {
    guard !text.isEmpty else { throw ValidationError("expected the path of a file") }
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty, !FileManager.default.fileExists(atPath: text),
      parts[0].unicodeScalars.allSatisfy({ $0.properties.isAlphabetic || "0123456789_-.".unicodeScalars.contains($0) })
    else { return EvaluationFile(name: nil, path: text) }
    return EvaluationFile(name: parts[0], path: parts[1])
  }

  static func heldOutSize(_ text: String) throws -> HeldOutSize {
    guard let size = HeldOutSize(text) else {
      throw ValidationError("expected a share between 0 and 1, or a number of pairs of at least 1")
    }
    return size
  }

  static func columns(_ text: String) throws -> ColumnNames { try ColumnNames(text) }
}

extension PairMixture.Strategy: ExpressibleByArgument {}
