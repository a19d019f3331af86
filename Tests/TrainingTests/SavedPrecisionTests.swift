import Foundation
import MiniMind
import Testing
import Torch
import Training

@Suite("What a file of lower precision loses")
struct SavedPrecisionTests {
  @Test("Changes below the resolution of the type are counted as lost")
  func counts() throws {
    let start = try smallModel()
    try start.weights.storage.fillInPlace(1)
    let now = try start.copy()
    // float16 knows steps of 2⁻¹⁰ above 1, bfloat16 of 2⁻⁷: the first change shows in both, the second in one.
    for (place, change) in [(0, 0.5), (1, 0x1p-9), (2, 0x1p-14), (3, -0x1p-14), (4, 0x1p-20)] {
      try now.weights.storage.narrow(0, place, 1).fillInPlace(1 + change)
    }
    func lost(_ dtype: DType) throws -> [Int] {
      let found = try now.changesLost(from: start, savedAs: dtype)
      return [found.changed, found.lost]
    }
    #expect(try lost(.float32) == [5, 0])
    #expect(try lost(.float16) == [5, 3])
    #expect(try lost(.bfloat16) == [5, 4])
    #expect(try start.changesLost(from: start.copy(), savedAs: .float16).changed == 0)
  }

  @Test("At MiniMind's learning rate a float16 file loses most of what a step changed")
  func miniMind() throws {
    let trainer = try smallTrainer(smallPairs(8)) { $0.learningRate = 4e-8 }
    try trainer.steps(1)
    let found = try trainer.policy.changesLost(from: smallModel(), savedAs: .float16)
    #expect(found.changed > 0)
    #expect(found.lost > found.changed * 9 / 10)
    #expect(try trainer.policy.changesLost(from: smallModel(), savedAs: .float32).lost == 0)
  }

  @Test("A copy has the same weights in memory of its own")
  func copy() throws {
    let model = try smallModel()
    let copy = try model.copy()
    #expect(try copy.bits == model.bits)
    try copy.weights.storage.fillInPlace(0)
    #expect(try model.bits == smallModel().bits)
  }
}
