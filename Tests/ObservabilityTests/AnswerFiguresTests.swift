import Observability
import OrderedJSON
import Testing

@Suite("Answers to fixed prompts, and slices")
struct AnswerFiguresTests {
  @Test("Distinct n-grams are counted by answer; one that is too short is as distinct as can be")
  func distinct() {
    #expect(AnswerFigures.distinct(1, in: [1, 2, 1, 3]) == 0.75)
    #expect(AnswerFigures.distinct(2, in: [1, 2, 1, 2, 1]) == 0.5)
    #expect(AnswerFigures.distinct(4, in: [1, 2, 3]) == 1)
    #expect(AnswerFigures.distinct(4, in: [Int32](repeating: 7, count: 13)) == 0.1)
    #expect(AnswerFigures.distinct(1, in: []) == 1)
  }

  private func figures(_ answers: [(tokens: [Int32], isEnded: Bool)]) throws -> AnswerFigures {
    try #require(AnswerFigures(answers))
  }

  private let sound: [(tokens: [Int32], isEnded: Bool)] = (0..<4).map { (Array(Int32($0)..<Int32($0) + 10), true) }
  private let loops: [(tokens: [Int32], isEnded: Bool)] = (0..<4).map { _ in
    ([Int32](repeating: 5, count: 40), false)
  }

  @Test("The figures are means over the answers")
  func means() throws {
    let found = try figures([([1, 2, 3], true), ([4, 4, 4, 4, 4], false)])
    #expect(found.length == 4 && found.unfinished == 0.5 && found.empty == 0)
    #expect(found.distinct1 == 0.6 && found.repetition == 0.25)
    #expect(AnswerFigures([]) == nil)
  }

  @Test(
    "Loops without an end are a breakdown, unless the reference's answers are so too; longer answers alone are none")
  func degeneration() throws {
    let (sound, loops) = (try figures(sound), try figures(loops))
    let broken = AnswerComparison(policy: loops, reference: sound)
    #expect(broken.degeneration.count == 2)
    #expect(broken.degeneration[0].contains("repeats itself (the reference's: 0 %)"))
    #expect(broken.lengthRatio == 4)
    #expect(AnswerComparison(policy: loops, reference: loops).degeneration.isEmpty)
    #expect(AnswerComparison(policy: sound, reference: loops).degeneration.isEmpty)
    let longer = try figures((0..<4).map { _ in (Array(0..<40), true) })
    #expect(AnswerComparison(policy: longer, reference: sound).degeneration.isEmpty)
    let empty = try figures([([], true), ([], true), ([1, 2], true), ([3], true)])
    #expect(
      AnswerComparison(policy: empty, reference: sound).degeneration == [
        "50 % of them are empty (the reference's: 0 %)"
      ])
    // One answer of two that met no end is no pattern.
    let one = try figures([([1, 2], true), ([3, 4], false)])
    let none = try figures([([1, 2], true), ([3, 4], true)])
    #expect(AnswerComparison(policy: one, reference: none).degeneration.isEmpty)
  }

  private func slice(_ label: String, _ accuracy: Double, _ pairs: Int) throws -> SliceFigures {
    SliceFigures(
      trait: "turns", label: label, pairs: pairs,
      accuracy: try #require(Estimate.wilson(successes: accuracy * Double(pairs), trials: pairs)), margin: 0.5)
  }

  @Test("A slice stands out where its accuracy differs by more than chance explains")
  func standingOut() throws {
    #expect(try SliceFigures.standingOut(of: [slice("1", 0.9, 100), slice("2", 0.5, 100)]).map(\.label) == ["1", "2"])
    #expect(try SliceFigures.standingOut(of: [slice("1", 0.75, 100), slice("2", 0.7, 100)]).isEmpty)
    #expect(try SliceFigures.standingOut(of: [slice("1", 1, 5), slice("2", 0, 100)]).isEmpty, "five pairs are too few")
  }

  @Test("Slices are written as JSON and read again")
  func json() throws {
    let slices = try [slice("1", 0.9, 100), slice("2", 0.5, 30)]
    #expect(SliceFigures.slices(in: SliceFigures.json(of: slices)) == slices)
    #expect(SliceFigures.slices(in: nil).isEmpty)
    #expect(SliceFigures(trait: "turns", label: "1", margins: [0.2, -0.1, 0])?.accuracy.value == 0.5)
    #expect(SliceFigures(trait: "turns", label: "1", margins: [] as [Double]) == nil)
  }
}
