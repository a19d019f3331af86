import Observability
import Testing

@Suite("Whether others use this process's cores")
struct CoreMonitorTests {
  private func share(_ before: [String: String], _ after: [String: String], cores: Int = 2) -> Double {
    ThreadTimes(schedstats: after).shareTaken(since: ThreadTimes(schedstats: before), seconds: 1, cores: cores)
  }

  @Test("Time in which threads wait while the cores do others' work counts")
  func taken() {
    // Two threads on two cores with another program: each runs two thirds of a second and waits for one.
    let after = ["1": "1666666667 1333333333 9", "2": "666666667 333333333 9"]
    #expect(abs(share(["1": "1000000000 1000000000 5"], after) - 1.0 / 3) < 1e-6)
  }

  @Test("Time in which threads wait for threads of the same process does not count")
  func own() {
    let after = ["1": "700000000 300000000 9", "2": "700000000 300000000 9", "3": "600000000 400000000 9"]
    #expect(share([:], after) < 1e-6)
  }

  @Test("Threads that run without waiting, do nothing, or end, count nothing; what cannot be read is left out")
  func quiet() {
    #expect(share([:], ["1": "1000000000 0 1"]) == 0)
    #expect(share(["1": "5 5 1"], ["1": "5 5 1"]) == 0)
    #expect(share(["1": "900 900 1"], [:]) == 0)
    #expect(share(["1": "900 900 1"], ["1": "100 100 1"]) == 0)
    #expect(share([:], ["1": "", "2": "x y z", "3": "1000 0"]) == 0)
  }

  @Test("It is said at once when others come, after ten quiet looks that they left, and once in a run that they stay")
  func judgement() {
    var judgement = CoreMonitor.Judgement()
    #expect(judgement.look(0.05).isEmpty && !judgement.isShared)
    #expect(judgement.look(0.4) == [.changed(isShared: true)])
    for _ in 0..<9 { #expect(judgement.look(0.01).isEmpty) }
    #expect(judgement.look(0.01) == [.changed(isShared: false)])

    #expect(judgement.look(0.4) == [.changed(isShared: true)])
    for _ in 0..<18 { #expect(judgement.look(0.4).isEmpty) }
    let events = judgement.look(0.4)
    guard case .lasting(let share)? = events.first else {
      Issue.record("nothing was said after twenty looks")
      return
    }
    #expect(abs(share - 0.4) < 1e-9)
    for _ in 0..<50 { #expect(judgement.look(0.4).isEmpty) }
  }

  @Test("The times of this process's own threads are known on Linux and only grow")
  func current() throws {
    guard let before = ThreadTimes.current() else { return }
    var sum = 0.0
    for number in 0..<5_000_000 { sum += Double(number).squareRoot() }
    let after = try #require(ThreadTimes.current())
    #expect(sum > 0 && (0...1).contains(after.shareTaken(since: before, seconds: 1, cores: 1)))
  }
}
