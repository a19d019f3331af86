import Collectives
import Foundation
import Synchronization
import Testing
import Torch

@Suite("Signs of life")
struct HeartbeatTests {
  /// A heartbeat of rank 0 among three; the test plays the others.
  private final class Watch: Sendable {
    let store: Store
    let heartbeat: Heartbeat
    let roster: Roster
    let log = Log()
    let lost = Lost()
    let began = SuspendingClock().now

    /// - Parameter consoles: of the ranks; one for all where there are none
    init(doing phase: String = "computing", rank: Int = 0, consoles: [String] = []) throws {
      let (hosted, port) = try hostedStore()
      store = hosted
      var members = (0..<3).map(member)
      for (index, console) in consoles.enumerated() { members[index].console = console }
      roster = Roster(members: members)
      let lost = lost
      heartbeat = Heartbeat(
        store: try Store.connecting(to: "127.0.0.1", port: port), roster: roster, rank: rank,
        storeIsOnFirst: false, logger: log.logger,
        state: { Heartbeat.State(phase: phase, step: 7) }, lost: { lost.set($0) })
    }

    deinit { heartbeat.stop() }

    /// Says something as another rank.
    func say(
      _ rank: Int, _ number: Int, doing phase: String, step: Int = 7, since seconds: Int = 0, leaves: Bool = false,
      fails: Bool = false, error: String? = nil
    ) throws {
      let text = """
        {"number":\(number),"state":{"phase":"\(phase)","step":\(step)},"seconds":\(seconds),"isLeaving":\(leaves)\
        \(fails ? ",\"hasFailed\":true" : "")\(error.map { ",\"error\":\"\($0)\"" } ?? "")}
        """
      try store.set("\(rank)", to: Array(text.utf8))
    }

    /// Says something and waits until it is heard.
    func tell(
      _ rank: Int, _ number: Int, doing phase: String, step: Int = 7, since seconds: Int = 0, leaves: Bool = false
    ) throws {
      try say(rank, number, doing: phase, step: step, since: seconds, leaves: leaves)
      let wanted = "\(Heartbeat.State(phase: phase, step: step))"
      let deadline = SuspendingClock().now + .seconds(20)
      while heartbeat.activity(of: rank) != wanted, SuspendingClock().now < deadline {
        rest(.milliseconds(10))
      }
      #expect(heartbeat.activity(of: rank) == wanted)
    }
  }

  private final class Lost: Sendable {
    private let loss = Mutex<Heartbeat.Loss?>(nil)
    var value: Heartbeat.Loss? { loss.withLock { $0 } }
    var text: String? { value?.reason }
    func set(_ value: Heartbeat.Loss) { loss.withLock { $0 = value } }
  }

  @Test("A silent rank is named once, with what it was doing, and given up after a while")
  func silent() throws {
    let watch = try Watch()
    try watch.tell(1, 1, doing: "updating", step: 6)
    try watch.tell(2, 1, doing: "finishing", leaves: true)
    let now = SuspendingClock().now
    #expect(watch.heartbeat.judge(at: now + .seconds(3)) == nil)
    #expect(watch.log.text.isEmpty)

    #expect(watch.heartbeat.judge(at: now + Heartbeat.patience + .seconds(1)) == nil)
    let warning = watch.log.text
    #expect(warning.hasPrefix("warning: \(watch.roster.members[1].name) has given no sign of life for "), "\(warning)")
    #expect(warning.contains("when last heard of it was updating (step 6)"), "\(warning)")
    #expect(watch.heartbeat.judge(at: now + Heartbeat.patience + .seconds(2)) == nil)
    #expect(watch.log.text == warning)

    let reason = try #require(watch.heartbeat.judge(at: now + Heartbeat.limit + .seconds(1))?.reason)
    #expect(reason.contains("rank 1 (") && reason.contains("updating (step 6)"), "\(reason)")
  }

  @Test("A rank that speaks again is no longer silent")
  func speaksAgain() throws {
    let watch = try Watch()
    try watch.tell(2, 1, doing: "finishing", leaves: true)
    try watch.tell(1, 1, doing: "computing")
    let now = SuspendingClock().now
    #expect(watch.heartbeat.judge(at: now + Heartbeat.patience + .seconds(1)) == nil)
    try watch.tell(1, 2, doing: "updating")
    #expect(watch.heartbeat.judge(at: now + .seconds(2)) == nil)
  }

  @Test("A rank that the others wait for is named, and not given up")
  func slow() throws {
    let watch = try Watch(doing: "exchanging gradients")
    try watch.tell(1, 1, doing: "exchanging gradients")
    try watch.tell(2, 1, doing: "computing", since: 61)
    let now = SuspendingClock().now
    #expect(watch.heartbeat.judge(at: now + .seconds(1)) == nil)
    #expect(watch.log.text.isEmpty)
    #expect(watch.heartbeat.judge(at: now + Heartbeat.longWait + .seconds(1)) == nil)
    let name = watch.roster.members[2].name
    func reports() -> [Substring] { watch.log.text.split(separator: "\n").filter { $0.contains("waiting for") } }
    #expect(reports() == ["warning: waiting for \(name), which has been computing (step 7) for 61 s"])
    try watch.tell(2, 2, doing: "computing", step: 8, since: 62)
    #expect(watch.heartbeat.judge(at: now + Heartbeat.longWait + .seconds(2)) == nil)
    #expect(reports().count == 1)
  }

  @Test("Of ranks that share a console, the lowest that can still speak does")
  func speaker() throws {
    let watch = try Watch(rank: 1, consoles: ["a", "a", "b"])
    try watch.tell(0, 1, doing: "computing")
    try watch.tell(2, 1, doing: "computing")
    let members = watch.roster.members
    #expect(!watch.roster.speaks(1) && watch.roster.speaks(1, besides: [0]) && watch.roster.speaks(2))
    // Both others are silent, so this rank speaks for its console.
    _ = watch.heartbeat.judge(at: SuspendingClock().now + Heartbeat.patience + .seconds(1))
    #expect(watch.log.text.contains(members[0].name) && watch.log.text.contains(members[2].name), "\(watch.log.text)")
  }

  @Test(
    "The error of another rank is said here, unless it is said in the same place",
    arguments: [["a", "b", "a"], ["a", "a", "b"], ["b", "b", "a"]])
  func errorElsewhere(consoles: [String]) throws {
    let watch = try Watch(rank: 0, consoles: consoles)
    try watch.say(1, 1, doing: "preparing data", error: "pairs.jsonl, line 7: no answer")
    let deadline = SuspendingClock().now + .seconds(20)
    while watch.lost.value == nil, SuspendingClock().now < deadline { rest(.milliseconds(10)) }
    let loss = try #require(watch.lost.value)
    #expect(
      loss.reason == "\(watch.roster.members[1].name) ended with an error: pairs.jsonl, line 7: no answer")
    #expect(loss.isSaidElsewhere == (consoles[0] == consoles[1]))
  }

  @Test("A process that ends with an error leaves it for the others, and keeps quiet where a lower rank says the same")
  func fails() async throws {
    let watch = try Watch(rank: 1, consoles: ["a", "a", "b"])
    try watch.say(0, 1, doing: "preparing data", error: "m: no such file")
    let answers = await asRanks(1) { _ in
      [watch.heartbeat.fail("m: no such file"), watch.heartbeat.fail("line 7: no answer")]
    }
    #expect(try answers[0].get() == [false, true])
    let beat = try #require(try watch.store.find("1"))
    #expect(String(decoding: beat, as: UTF8.self).contains("line 7: no answer"))
  }

  @Test("After a failure, silent ranks are missing; a beat that is read late is no sign of life")
  func missing() async throws {
    let watch = try Watch()
    try watch.tell(1, 1, doing: "computing")
    try watch.tell(2, 1, doing: "computing")
    // Written before its end, and not heard yet.
    try watch.say(1, 2, doing: "computing")
    Thread.detachNewThread {
      for number in 2..<20 {
        try? watch.say(2, number, doing: "computing")
        usleep(400_000)
      }
    }
    // It waits, and is not to hold up the tests beside this one.
    let missing = await withCheckedContinuation { continuation in
      Thread.detachNewThread { continuation.resume(returning: watch.heartbeat.missingPeers()) }
    }
    #expect(missing == [watch.roster.members[1]])
  }

  @Test("When another rank's communication has failed, this one stops too and names the rank that is gone")
  func failedElsewhere() throws {
    let watch = try Watch()
    try watch.tell(1, 1, doing: "computing")
    try watch.tell(2, 1, doing: "computing")
    Thread.detachNewThread {
      for number in 2..<40 where watch.lost.text == nil {
        try? watch.say(2, number, doing: "computing", fails: true)
        usleep(400_000)
      }
    }
    let deadline = SuspendingClock().now + .seconds(20)
    while watch.lost.text == nil, SuspendingClock().now < deadline { rest(.milliseconds(10)) }
    let members = watch.roster.members
    #expect(watch.lost.text == "\(members[2].name) lost the others; \(members[1].name) is gone")
  }

  @Test("A process at its end does not need the store any more")
  func leaves() throws {
    var hosted: (store: Store, port: Int)? = try hostedStore()
    let port = try #require(hosted?.port)
    let lost = Lost()
    let heartbeat = Heartbeat(
      store: try Store.connecting(to: "127.0.0.1", port: port), roster: Roster(members: (0..<2).map(member)), rank: 1,
      storeIsOnFirst: true,
      logger: Log().logger, state: { Heartbeat.State(phase: "finishing", step: 1) }, lost: { lost.set($0) })
    heartbeat.leave()
    rest(.milliseconds(200))
    withExtendedLifetime(hosted) {}
    hosted = nil
    rest(.seconds(3))
    #expect(lost.text == nil)
    heartbeat.stop()
  }

  @Test("A store that is gone means that its host is gone")
  func storeGone() throws {
    var hosted: (store: Store, port: Int)? = try hostedStore()
    let port = try #require(hosted?.port)
    let lost = Lost()
    let heartbeat = Heartbeat(
      store: try Store.connecting(to: "127.0.0.1", port: port), roster: Roster(members: (0..<2).map(member)), rank: 1,
      storeIsOnFirst: true,
      logger: Log().logger, state: { Heartbeat.State(phase: "computing", step: 1) },
      lost: { lost.set($0) })
    rest(.milliseconds(200))
    withExtendedLifetime(hosted) {}
    hosted = nil
    let deadline = SuspendingClock().now + .seconds(20)
    while lost.text == nil, SuspendingClock().now < deadline { rest(.milliseconds(10)) }
    let reason = try #require(lost.text)
    #expect(reason.contains("the store that connects the ranks is gone"), "\(reason)")
    heartbeat.stop()
  }
}

/// Sleeps on its thread: a test that suspended might not resume in time for what it watches.
private func rest(_ duration: Duration) { Thread.sleep(forTimeInterval: duration / .seconds(1)) }
