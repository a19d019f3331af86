import Files
import Foundation
import OrderedCollections
import OrderedJSON

/// A run as the report sees it: what its output folder holds.
public struct ReportRun: Sendable {
  /// What the run is called: its folder's name.
  public var name: String
  /// The numbers.
  public var log: MetricsLog
  /// The text of `config.yaml`; nil where there is none.
  public var configuration: String?
  /// The content of `environment.json`; nil where there is none.
  public var environment: JSON?
  /// The lines of `samples.jsonl`; none where there is no such file.
  public var samples: [JSON] = []
  /// The content of `data.json`: what was read, dropped, and found; nil where there is none.
  public var data: JSON?
  /// Whether a process works on it; nil where that is not known.
  public var isRunning: Bool?

  /// A run made in memory.
  public init(name: String, log: MetricsLog, configuration: String? = nil, environment: JSON? = nil) {
    self.name = name
    self.log = log
    self.configuration = configuration
    self.environment = environment
  }

  /// Reads an output folder. `metrics.jsonl` must be there; the other files may be missing.
  ///
  /// - Parameter isRunning: whether a process works on it; nil: as the folder's lock tells
  public init(folder: URL, isRunning: Bool? = nil) throws(MetricsFileError) {
    self.init(
      name: folder.standardizedFileURL.lastPathComponent,
      log: try MetricsLog(contentsOf: folder.appending(path: "metrics.jsonl")),
      configuration: try? String(contentsOf: folder.appending(path: "config.yaml"), encoding: .utf8),
      environment: (try? Data(contentsOf: folder.appending(path: "environment.json"))).flatMap {
        try? JSON(parsing: $0)
      })
    let answers = (try? Data(contentsOf: folder.appending(path: "samples.jsonl"))) ?? Data()
    data = (try? Data(contentsOf: folder.appending(path: "data.json"))).flatMap { try? JSON(parsing: $0) }
    let holder = FolderLock.holder(of: folder)
    // Whether a process of another machine is alive cannot be seen from here.
    self.isRunning = isRunning ?? (holder == nil ? false : holder?.isHere == true ? true : nil)
    samples = answers.split(separator: UInt8(ascii: "\n")).compactMap { try? JSON(parsing: Data($0)) }
  }

  /// Whether texts were imitated, rather than pairs compared: its records have a loss per token, and no rewards.
  var isSupervised: Bool {
    let trained = log.records.filter { $0.values[MetricName.loss] != nil }
    return !trained.isEmpty
      && trained.allSatisfy {
        $0.values[MetricName.rewardMargins] == nil && $0.values[MetricName.tokenAccuracy] != nil
      }
  }

  /// How it stands.
  public var state: RunState { RunState(log, isRunning: isRunning) }

  /// The last step of which there is a record.
  var lastStep: Int { log.totals?.steps ?? log.records.last?.step ?? 0 }

  /// The points of a metric, for a plot: a value that was not finite (null in the file) is NaN, and leaves a gap.
  func points(of metric: String) -> [(step: Double, value: Double)] {
    log.records.compactMap { record in
      record.values[metric].flatMap { Self.point($0, of: metric, in: record) }.map { (Double(record.step), $0) }
    }
  }

  /// What a plot shows of a value in a record; nil for nothing.
  ///
  /// Before the first step policy and reference are one model, all pairs tie, and an accuracy (0 %, as neither answer gained
  /// more) would mislead.
  static func point(_ value: JSON, of metric: String, in record: MetricsRecord) -> Double? {
    if metric.hasSuffix(MetricName.rewardAccuracies) {
      let margins = metric.dropLast(MetricName.rewardAccuracies.count) + MetricName.rewardMargins
      if record[String(margins)].map(RewardMargin.isNone) ?? false { return nil }
    }
    return value.double ?? .nan
  }

  /// The last value of a metric that was finite.
  func last(_ metric: String) -> Double? { points(of: metric).last { $0.value.isFinite }?.value }

  /// Tokens per second over the whole run; while it goes on, the mean of its intervals.
  var meanTokensPerSecond: Double? {
    if let totals = log.totals, totals.seconds > 0, totals.tokens > 0 { return Double(totals.tokens) / totals.seconds }
    let rates = points(of: MetricName.tokensPerSecond).map(\.value).filter(\.isFinite)
    return rates.isEmpty ? nil : rates.reduce(0, +) / Double(rates.count)
  }

  /// `config.yaml` as names and values. The file is flat; lines that are not (a nested value of somebody's own) stay with
  /// the name above them, as text.
  var settings: TextDictionary<String> {
    var settings: TextDictionary<String> = [:]
    for line in (configuration ?? "").split(separator: "\n") where !line.hasPrefix("#") && line != "---" {
      if let colon = line.firstIndex(of: ":"), line.first?.isWhitespace == false, line.first != "-" {
        settings[String(line[..<colon])] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
      } else if let name = settings.keys.last {
        settings[name, default: ""] += "\n" + line
      }
    }
    return settings
  }

  /// `environment.json` as names and values; members of nested objects are called `outer.inner`.
  var surroundings: TextDictionary<String> {
    var flat: TextDictionary<String> = [:]
    func add(_ value: JSON, as name: String) {
      switch value {
      case .object(let members):
        for (key, member) in members { add(member, as: name.isEmpty ? key : "\(name).\(key)") }
      case .string(let text): flat[name] = text
      case .integer(let bytes) where name.hasSuffix("_bytes"): flat[name] = HumanText.bytes(bytes)
      case .null: flat[name] = "–"
      default: flat[name] = value.serialized(.python)
      }
    }
    if let environment { add(environment, as: "") }
    return flat
  }
}
