import CKernels
import Foundation

extension Runtime {
  /// Lets threads that wait for one another within an operator sleep after some microseconds instead of spinning for
  /// milliseconds. That is slower on a quiet machine, where the next operator begins at once, and faster where other
  /// programs need the cores.
  ///
  /// - Returns: false where the OpenMP runtime cannot be told so while it runs: only GNU's can, which PyTorch's packages
  ///   bring along.
  @discardableResult
  public static func sleepSoon(_ sleepsSoon: Bool) -> Bool { ckernels_sleep_soon(sleepsSoon) }

  /// Whether the environment says how threads wait (`OMP_WAIT_POLICY`, `GOMP_SPINCOUNT`); the user's word holds.
  public static func hasWaitPolicy(
    _ environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> Bool {
    ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY"].contains { environment[$0] != nil }
  }
}
