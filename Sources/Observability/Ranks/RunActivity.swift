import Foundation
import OrderedJSON

/// What the processes of a run are doing right now, as the first of them writes it beside the run's numbers every two seconds
/// while the run goes on.
///
/// ```
/// {"stopping": null, "ranks": [{"rank": 0, "phase": "computing", "step": 12, "seconds": 0.4, "silence": 0}, …]}
/// ```
public struct RunActivity: Hashable, Sendable {
  /// One process.
  public struct Rank: Hashable, Sendable {
    /// Its number.
    public var rank: Int
    /// Such as "computing".
    public var phase: String
    /// The optimizer step that this belongs to.
    public var step: Int
    /// How long it has been so, in seconds.
    public var seconds: Double
    /// How long it has given no sign of life, in seconds.
    public var silence: Double

    /// What a process is doing.
    public init(rank: Int, phase: String, step: Int, seconds: Double, silence: Double = 0) {
      (self.rank, self.phase, self.step, self.seconds, self.silence) = (rank, phase, step, seconds, silence)
    }
  }

  /// The name of the file in the run's folder. It goes with the process.
  public static let fileName = ".run-activity.json"
  /// Seconds from one time of writing to the next.
  public static let interval = 2.0

  /// All processes, in their order.
  public var ranks: [Rank]
  /// Who has asked the run to stop after the current step; nil where nobody has.
  public var stopping: String?
  /// How old this is, in seconds.
  public var age = 0.0

  /// Activity of some processes.
  public init(ranks: [Rank], stopping: String? = nil) { (self.ranks, self.stopping) = (ranks, stopping) }

  /// Whether the process that writes this has missed several times to do so.
  public var isSilent: Bool { age > 5 * Self.interval }

  /// Reads the file; nil where it makes no sense.
  public init?(_ bytes: Data) {
    guard let json = try? JSON(parsing: bytes), let ranks = json["ranks"]?.array else { return nil }
    self.ranks = ranks.compactMap { entry in
      guard let rank = entry["rank"]?.int, let phase = entry["phase"]?.string else { return nil }
      return Rank(
        rank: rank, phase: phase, step: entry["step"]?.int ?? 0, seconds: entry["seconds"]?.double ?? 0,
        silence: entry["silence"]?.double ?? 0)
    }
    stopping = json["stopping"]?.string
  }

  /// What stands in the file.
  public var json: JSON {
    func tenths(_ seconds: Double) -> JSON { .number((seconds * 10).rounded() / 10) }
    return [
      "stopping": stopping.map(JSON.string) ?? .null,
      "ranks": .array(
        ranks.map { rank in
          [
            "rank": .integer(rank.rank), "phase": .string(rank.phase), "step": .integer(rank.step),
            "seconds": tenths(rank.seconds), "silence": tenths(rank.silence),
          ]
        }),
    ]
  }
}
