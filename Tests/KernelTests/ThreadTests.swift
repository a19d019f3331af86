import Foundation
import Testing
import Torch

@Suite("Fused operators run on LibTorch's threads", .serialized)
struct ThreadTests {
  /// On a machine with one core there is nothing to tell apart.
  @Test("They use as many threads as LibTorch's own operators do")
  func count() {
    #expect(Runtime.fusedOperatorThreadCount == Runtime.threadCount)
  }

  @Test("Threads can be told to sleep soon and to spin again, any number of times, and compute the same")
  func sleepsSoon() throws {
    let x = try Tensor.full([1 << 20], 0.5)
    for _ in 0..<3 {
      for sleepsSoon in [true, true, false, false] {
        Runtime.sleepSoon(sleepsSoon)
        #expect(try sumOfSquares([x]).item() == Double(1 << 18))
        #expect(Runtime.fusedOperatorThreadCount == Runtime.threadCount)
      }
    }
  }

  @Test("What the environment says of waiting holds")
  func policy() {
    #expect(!Runtime.hasWaitPolicy([:]))
    #expect(!Runtime.hasWaitPolicy(["OMP_NUM_THREADS": "2"]))
    for name in ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"] { #expect(Runtime.hasWaitPolicy([name: "0"])) }
  }
}
