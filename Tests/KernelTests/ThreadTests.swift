import Testing
import Torch

@Suite("Fused operators run on LibTorch's threads")
struct ThreadTests {
  /// On a machine with one core there is nothing to tell apart.
  @Test("They use as many threads as LibTorch's own operators do")
  func count() {
    #expect(Runtime.fusedOperatorThreadCount == Runtime.threadCount)
  }
}
