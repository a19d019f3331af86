import Foundation
import Observability
import OrderedJSON

/// All runs at one moment, as pages are told of them. Texts of JSON are made once for all pages.
struct Snapshot: Sendable {
  var runs: [RunSnapshot] = []
  /// What is said about all runs together, member by member.
  var frame: [String: String] = [:]

  init() {}

  init(_ shown: [RunSnapshot], of runs: [ReportRun], in folder: String) {
    self.runs = shown
    for (name, value) in ReportModel(following: runs, in: folder).frame { frame[name] = value.serialized() }
    frame["names"] = JSON.array(runs.map { .string($0.name) }).serialized()
  }
}

/// A run at one moment.
struct RunSnapshot: Sendable {
  let name: String
  let location: URL
  let incarnation: Int
  let series: [String: ThinnedSeries]
  /// What the page knows of it but for its curves, member by member.
  let members: [String: String]
  /// Other axes than the steps need no more points: between them they are straight.
  private static let clockLimit = 200

  /// - Parameter asked: the process that was asked to stop; nil for none
  init(_ followed: FollowedRun, asked: String?) {
    (name, location, incarnation) = (followed.name, followed.location, followed.incarnation)
    series = followed.log.series
    let run = followed.run
    var members = run.members(name: name, clockLimit: Self.clockLimit)
    members["ranks"] = RankStates(run, activity: followed.activity, isSuspended: followed.isSuspended).json
    members["progress"] = run.progress ?? .null
    members["stop"] = Self.stop(followed, asked: asked)
    self.members = Dictionary(uniqueKeysWithValues: members.map { ($0.key, $0.value.serialized()) })
  }

  /// What there is to say about stopping the run; null for one that does not run.
  private static func stop(_ followed: FollowedRun, asked: String?) -> JSON {
    guard let holder = followed.holder else { return .null }
    guard holder.isHere else { return ["state": "elsewhere", "words": DashboardWords.elsewhere(holder.words).json] }
    if asked == holder.words || followed.activity?.stopping != nil {
      return ["state": "asked", "words": DashboardWords.stopping.json]
    }
    return ["state": "possible", "words": ""]
  }
}
