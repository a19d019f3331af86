import Foundation
import MiniMind
import Preferences
import Testing
import Torch
import Training

@Suite("Hashes that tell runs apart")
struct ContentHashTests {
  @Test("Pairs have another hash when an id, a mask, the order or a border between lists changes")
  func pairs() {
    let pairs = smallPairs(5)
    var all = [pairs.contentHash, pairs.reversed().contentHash, Array(pairs.dropLast()).contentHash]
    func changed(_ change: (inout TokenizedPair) -> Void) -> String {
      var pairs = pairs
      change(&pairs[2])
      return pairs.contentHash
    }
    all.append(changed { $0.chosenIDs[0] += 1 })
    all.append(changed { $0.rejectedIDs[1] += 1 })
    all.append(changed { $0.chosenTargets[1].toggle() })
    all.append(changed { $0.rejectedTargets[1].toggle() })
    all.append(
      changed {
        $0.chosenIDs.append($0.rejectedIDs.removeFirst())
        $0.chosenTargets.append($0.rejectedTargets.removeFirst())
      })
    #expect(Set(all).count == all.count)
    #expect(all.allSatisfy { $0.count == 64 && $0.allSatisfy(\.isHexDigit) })
    #expect(smallPairs(5).contentHash == pairs.contentHash)
    // Where a pair stands in its file does not matter, only what it says.
    #expect(changed { ($0.index, $0.line) = (70, 71) } == pairs.contentHash)
  }

  @Test("A model has another hash when one weight changes")
  func model() throws {
    let model = try smallModel()
    let hash = try model.contentHash()
    #expect(try smallModel().contentHash() == hash)
    try model.weights.storage.narrow(0, 7, 1).fillInPlace(0.125)
    #expect(try model.contentHash() != hash)
  }
}
