import Preferences
import Testing

@Suite("Naming a file and how much of it")
struct PairSourceTests {
  private func source(_ text: String, there: String...) throws -> PairSource {
    try PairSource(text) { there.contains($0) }
  }

  @Test func `A file is taken whole, by weight, or by a number of pairs`() throws {
    #expect(try source("a.jsonl") == PairSource(path: "a.jsonl"))
    #expect(try source("a.jsonl=0.3") == PairSource(path: "a.jsonl", amount: .weight(0.3)))
    #expect(try source("a.jsonl=2") == PairSource(path: "a.jsonl", amount: .weight(2)))
    #expect(try source("data/a.jsonl#500") == PairSource(path: "data/a.jsonl", amount: .count(500)))
  }

  @Test func `A file that is called so is taken as it is`() throws {
    #expect(try source("lr=3", there: "lr=3") == PairSource(path: "lr=3"))
    #expect(try source("lr=3=0.5", there: "lr=3") == PairSource(path: "lr=3", amount: .weight(0.5)))
    #expect(try source("run#4#10") == PairSource(path: "run#4", amount: .count(10)))
    #expect(try source("a=b/c.jsonl") == PairSource(path: "a=b/c.jsonl"))
    #expect(try source("c#/pairs.jsonl") == PairSource(path: "c#/pairs.jsonl"))
  }

  @Test(arguments: [
    ("a.jsonl=0", "above 0"), ("a.jsonl=-1", "above 0"), ("a.jsonl=inf", "above 0"), ("a.jsonl#0", "1 or more"),
    ("a.jsonl=half", "no number"), ("a.jsonl#1.5", "no number"), ("a.jsonl#", "no number"),
  ])
  func `A wrong weight or number is named`(_ text: String, _ words: String) throws {
    let mistake = #expect(throws: PairSource.Mistake.self) { try source(text, there: "a.jsonl") }
    #expect(mistake?.description.contains(words) == true)
    #expect(mistake?.description.contains("a.jsonl") == true)
  }
}
