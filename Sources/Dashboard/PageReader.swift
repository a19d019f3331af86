import Observability
import OrderedJSON
import Web

/// What one browser has been told, and so what it still has to be told.
struct PageReader {
  private var frame: [String: Int] = [:]
  private var runs: [String: Known] = [:]
  private var isNew = true

  private struct Known {
    var incarnation: Int
    var members: [String: Int] = [:]
    var series: [String: KnownSeries] = [:]
  }

  private struct KnownSeries {
    var width: Int
    var group: Int
    /// Columns that will not change.
    var settled: Int
    var count: Int
    var last: Double
  }

  /// The messages that bring a page up to date: what is said about all runs, then each run with what is new of it. A page
  /// that knows nothing is told so (`fresh`), and forgets what it had from an earlier connection.
  mutating func events(for snapshot: Snapshot) -> [ServerSentEvent] {
    var events: [ServerSentEvent] = []
    var changed = Self.changed(snapshot.frame, &frame)
    if isNew {
      changed.append(("fresh", "true"))
      isNew = false
    }
    if !changed.isEmpty { events.append(ServerSentEvent(Self.object(changed), name: "update")) }
    let names = Set(snapshot.runs.map(\.name))
    runs = runs.filter { names.contains($0.key) }
    // Of many runs each has fewer points.
    let group = max(1, (snapshot.runs.count + 3) / 4)
    for run in snapshot.runs {
      guard let text = update(of: run, group: group) else { continue }
      events.append(ServerSentEvent("{\"runs\":[\(text)]}", name: "update"))
    }
    return events
  }

  private mutating func update(of run: RunSnapshot, group: Int) -> String? {
    var parts: [(name: String, text: String)] = []
    var known = runs[run.name] ?? Known(incarnation: -1)
    if known.incarnation != run.incarnation {
      known = Known(incarnation: run.incarnation)
      parts.append(("fresh", "true"))
    }
    parts += Self.changed(run.members, &known.members)
    let series = Self.changed(run.series, group: group, &known.series)
    if !series.isEmpty { parts.append(("series", Self.object(series))) }
    runs[run.name] = known
    guard !parts.isEmpty else { return nil }
    if !parts.contains(where: { $0.name == "name" }) { parts.append(("name", JSON.string(run.name).serialized())) }
    return Self.object(parts)
  }

  private static func changed(_ texts: [String: String], _ known: inout [String: Int]) -> [(name: String, text: String)]
  {
    var changed: [(name: String, text: String)] = []
    for (name, text) in texts.sorted(by: { $0.key < $1.key }) where known[name] != text.hashValue {
      known[name] = text.hashValue
      changed.append((name, text))
    }
    return changed
  }

  /// Of each curve the columns that are new or may have changed.
  private static func changed(
    _ series: [String: ThinnedSeries], group: Int, _ known: inout [String: KnownSeries]
  ) -> [(name: String, text: String)] {
    var changed: [(name: String, text: String)] = []
    for (metric, series) in series.sorted(by: { $0.key < $1.key }) {
      let now = KnownSeries(
        width: series.width, group: group, settled: series.settledCount(group: group),
        count: series.columnCount(group: group), last: series.buckets.last?.step ?? 0)
      let before = known[metric]
      known[metric] = now
      guard let before, before.width == now.width, before.group == now.group else {
        changed.append((metric, series.json(group: group).serialized()))
        continue
      }
      guard before.count != now.count || before.last != now.last else { continue }
      changed.append((metric, series.json(group: group, from: before.settled).serialized()))
    }
    return changed
  }

  private static func object(_ members: [(name: String, text: String)]) -> String {
    "{" + members.map { "\(JSON.string($0.name).serialized()):\($0.text)" }.joined(separator: ",") + "}"
  }
}

/// The messages of one browser, as long as it listens.
struct PageEvents: AsyncSequence, Sendable {
  let watch: RunWatch

  func makeAsyncIterator() -> Iterator { Iterator(watch: watch, changes: watch.changes().makeAsyncIterator()) }

  struct Iterator: AsyncIteratorProtocol {
    let watch: RunWatch
    var changes: AsyncStream<Void>.Iterator
    private var reader = PageReader()
    private var waiting: [ServerSentEvent] = []

    init(watch: RunWatch, changes: AsyncStream<Void>.Iterator) { (self.watch, self.changes) = (watch, changes) }

    mutating func next() async -> ServerSentEvent? {
      while waiting.isEmpty {
        guard await changes.next() != nil else { return nil }
        waiting = reader.events(for: watch.snapshot)
      }
      return waiting.removeFirst()
    }
  }
}
