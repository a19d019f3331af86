import Foundation
import Testing
import Torch

@Suite("Fused operators run on LibTorch's threads", .serialized)
struct ThreadTests {
  /// On a machine with one core both numbers are 1.
  @Test("They use as many threads as LibTorch's operators")
  func count() {
    #expect(Runtime.fusedOperatorThreadCount == Runtime.threadCount)
  }

  @Test("Threads can be set to sleep soon and to spin again, repeatedly, with the same results")
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

  @Test("A wait policy in the environment is found")
  func policy() {
    #expect(!Runtime.hasWaitPolicy([:]))
    #expect(!Runtime.hasWaitPolicy(["OMP_NUM_THREADS": "2"]))
    for name in ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"] { #expect(Runtime.hasWaitPolicy([name: "0"])) }
  }
}
