import ArgumentParser
import Foundation
import Observability
import OrderedJSON

/// Which trainings a sweep compares.
struct SweepArguments: ParsableArguments {
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      """
      Learning rates to try; --learning-rate with several numbers is the same. (default, where nothing else is varied: a \
      tenth to ten times --learning-rate, in five steps)
      """, valueName: "rate,…"))
  var learningRates: [NumberList] = []

  @Option(parsing: .upToNextOption, help: ArgumentHelp("Values of --beta to try, with every rate.", valueName: "β,…"))
  var betas: [NumberList] = []

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Values of --loss-type to try, with every rate and β; sigmoid+sft is a sum.", valueName: "loss,…"))
  var lossTypes: [LossTypeList] = []

  @Option(
    help: ArgumentHelp(
      """
      Try these instead of a grid: JSON lines such as {"learning-rate": 1e-5, "beta": 0.2, "loss-type": "sigmoid"}; what a \
      line does not name is as the other options say.
      """, valueName: "file"))
  var trials: String?

  @Flag(help: "Train the chosen one once more and write its model to the folder best, with its metrics and report.")
  var saveBest = false

  @Flag(help: "Print one JSON object instead of a table.")
  var json = false

  func validate() throws {
    for rate in learningRates.flatMap(\.values) where !(rate >= 0 && rate.isFinite) {
      throw ValidationError("--learning-rates must not be negative.")
    }
    for beta in betas.flatMap(\.values) where !(beta > 0 && beta.isFinite) {
      throw ValidationError("--betas must be above 0.")
    }
    if trials != nil, !learningRates.isEmpty || !betas.isEmpty || !lossTypes.isEmpty {
      throw ValidationError(
        "--trials lists the trials one by one; leave out --learning-rates, --betas and --loss-types.")
    }
  }

  /// The settings to try, each once; that of a run without a sweep comes first where it is among them.
  ///
  /// - Parameter standard: what a run without a sweep is set to
  /// - Throws: `Failure` where the file of trials is missing or holds something else
  func settings(standard: SweepSetting) throws -> [SweepSetting] {
    var settings = try trials.map { try TrialFile.settings(of: $0, standard: standard) } ?? grid(standard)
    var seen: Set<SweepSetting> = []
    settings.removeAll { !seen.insert($0).inserted }
    guard let place = settings.firstIndex(of: standard) else { return settings }
    return [settings.remove(at: place)] + settings
  }

  private func grid(_ standard: SweepSetting) -> [SweepSetting] {
    var rates = learningRates.flatMap(\.values)
    if rates.isEmpty {
      let variesOthers = !betas.isEmpty || !lossTypes.isEmpty
      // To three digits, so that they look like numbers that somebody wrote.
      rates = (variesOthers ? [1] : [0.1, 0.3, 1, 3, 10]).compactMap {
        Double(String(format: "%.2e", standard.learningRate * $0))
      }
    }
    let losses = lossTypes.flatMap(\.values)
    let betas = self.betas.flatMap(\.values)
    return (losses.isEmpty ? [standard.lossType] : losses).flatMap { loss in
      (betas.isEmpty ? [standard.beta] : betas).flatMap { beta in
        rates.map { SweepSetting(learningRate: $0, beta: beta, lossType: loss) }
      }
    }
  }
}

/// Numbers with commas between them.
struct NumberList: ExpressibleByArgument {
  let values: [Double]

  init?(argument: String) {
    let words = argument.split(separator: ",", omittingEmptySubsequences: false)
    values = words.compactMap { Double($0.trimmingCharacters(in: .whitespaces)) }
    guard values.count == words.count else { return nil }
  }
}

/// Names of losses with commas between them.
struct LossTypeList: ExpressibleByArgument {
  let values: [String]

  init?(argument: String) {
    let words = argument.split(separator: ",", omittingEmptySubsequences: false)
      .map { $0.trimmingCharacters(in: .whitespaces) }
    guard words.allSatisfy({ LossNames(argument: $0) != nil }) else { return nil }
    values = words
  }

  static var allValueStrings: [String] { LossNames.allValueStrings }
}

/// A file with a trial in each line.
enum TrialFile {
  static func settings(of path: String, standard: SweepSetting) throws -> [SweepSetting] {
    guard let bytes = FileManager.default.contents(atPath: path) else {
      throw Failure(.missingInput, "--trials \(path): no such file.")
    }
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    let settings = try lines.enumerated().compactMap { number, line in
      line.allSatisfy(\.isWhitespace) ? nil : try setting(String(line), standard, place: "\(path), line \(number + 1)")
    }
    guard !settings.isEmpty else { throw Failure(.badData, "--trials \(path): there is no trial in it.") }
    return settings
  }

  private static func setting(_ line: String, _ standard: SweepSetting, place: String) throws -> SweepSetting {
    guard let members = (try? JSON(parsing: line))?.object else {
      throw Failure(
        .badData, "--trials \(place): expected a JSON object such as {\"learning-rate\": 1e-5, \"beta\": 0.2}.")
    }
    var setting = standard
    for (name, value) in members {
      switch (CommandLineArguments.dashed(name), value.double, value.string) {
      case ("learning-rate", let rate?, _) where rate >= 0: setting.learningRate = rate
      case ("beta", let beta?, _) where beta > 0: setting.beta = beta
      case ("loss-type", _, let loss?) where LossNames(argument: loss) != nil: setting.lossType = loss
      case ("learning-rate", _, _), ("beta", _, _), ("loss-type", _, _):
        throw Failure(.badData, "--trials \(place): \(name) cannot be \(value.serialized()).")
      default:
        throw Failure(
          .badData, "--trials \(place): \(name) is nothing that trials may differ in: learning-rate, beta, loss-type.")
      }
    }
    return setting
  }
}
