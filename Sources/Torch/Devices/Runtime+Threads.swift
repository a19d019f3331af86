import CKernels
import Foundation

extension Runtime {
  /// Makes threads that wait between operators sleep after some microseconds instead of spinning for milliseconds. That is
  /// slower on a quiet machine, where the next operator begins immediately, and faster when other programs use the cores.
  ///
  /// - Returns: false if the OpenMP runtime cannot change this while it runs: only GNU's can, which PyTorch's packages
  ///   contain.
  @discardableResult
  public static func sleepSoon(_ sleepsSoon: Bool) -> Bool { ckernels_sleep_soon(sleepsSoon) }

  /// Whether the environment sets how threads wait (`OMP_WAIT_POLICY`, `GOMP_SPINCOUNT`); the user's setting applies.
  public static func hasWaitPolicy(
    _ environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> Bool {
    ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY"].contains { environment[$0] != nil }
  }
}
