import OrderedJSON
import Preferences
import Testing

@Suite("Keys of other names: --columns")
struct ColumnNamesTests {
  private func pair(_ columns: String, _ record: JSON) throws -> PreferencePair {
    try PreferenceFormat.pair(of: record, columns: ColumnNames(columns))
  }

  @Test func `Parts are found under the keys that are named`() throws {
    let read = try pair(
      "prompt=task,chosen=good,rejected=bad,score_chosen=s1,score_rejected=s2",
      ["task": "q", "good": "a", "bad": "b", "s1": 7, "s2": 4.5, "id": 3])
    #expect(read.content == .text(prompt: "q", chosen: "a", rejected: "b"))
    #expect(read.scoreMargin == 2.5)
    #expect(read.unusedKeys == ["id"])
  }

  @Test func `What stands under a usual key and is not meant is left out; two keys can be exchanged`() throws {
    let read = try pair(
      "chosen=revised", ["prompt": "q", "chosen": "old", "revised": "new", "rejected": "b"])
    #expect(read.content == .text(prompt: "q", chosen: "new", rejected: "b"))
    let turned = try pair("chosen=rejected,rejected=chosen", ["prompt": "q", "chosen": "bad", "rejected": "good"])
    #expect(turned.content == .text(prompt: "q", chosen: "good", rejected: "bad"))
  }

  @Test func `System texts and tools may have other names too`() throws {
    let read = try pair(
      "system=persona,tools=functions,prompt=turns",
      [
        "persona": "s", "functions": [["name": "f"]], "turns": [["role": "user", "content": "q"]],
        "chosen": [["role": "assistant", "content": "a"]], "rejected": [["role": "assistant", "content": "b"]],
      ])
    guard case .conversation(let chosen, _, 2) = read.content else { return #expect(Bool(false), "\(read.content)") }
    #expect(chosen[0]["content"] == "s")
    #expect(read.tools == [["name": "f"]])
  }

  @Test func `A line without a key that is named is unusable`() {
    let error = #expect(throws: UnusableRecord.self) {
      try pair("chosen=good", ["prompt": "q", "chosen": "a", "rejected": "b"])
    }
    #expect(error?.description.contains("no \"good\", which --columns names as chosen") == true)
  }

  @Test(arguments: [
    ("chosen", "not PART=KEY"), ("chosen=", "not PART=KEY"), ("", "not PART=KEY"), ("winner=a", "no part \"winner\""),
    ("chosen=a,chosen=b", "named twice"), ("chosen=a,rejected=a", "two parts are named \"a\""),
  ])
  func `Wrong names are refused`(_ text: String, _ words: String) {
    let mistake = #expect(throws: ColumnNames.Mistake.self) { try ColumnNames(text) }
    #expect(mistake?.description.contains(words) == true)
  }

  @Test func `The order in which parts are named does not matter`() throws {
    #expect(try ColumnNames("chosen=a,rejected=b") == ColumnNames("rejected=b,chosen=a"))
  }
}
