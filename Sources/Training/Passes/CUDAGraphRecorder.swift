import Torch

/// Work that was recorded. Each replay runs it over what its tensors hold by then.
package protocol Recording {
  /// Queues it.
  func replay() throws(TorchError)
  /// Kernels, copies and fills of one replay.
  func nodeCount() throws(TorchError) -> Int
}

/// Makes recordings.
package protocol PassRecorder: AnyObject {
  /// Runs a body without recording it, in the memory of the recordings.
  func run(_ body: () throws -> Void) throws
  /// Records what a body does on the device.
  func record(_ body: @escaping () throws -> Void) throws -> any Recording
  /// Gives up the memory of the recordings, once all of them are gone.
  func clear() throws(TorchError)
}

extension CUDAGraph: Recording {}

/// CUDA graphs. They run one after the other, and so share one pool of memory, also with passes that are not recorded.
final class CUDAGraphRecorder: PassRecorder {
  private let index: Int
  private var pool: CUDAMemoryPool

  init(device index: Int) throws(TorchError) {
    self.index = index
    pool = try CUDAMemoryPool(device: index)
  }

  func run(_ body: () throws -> Void) throws {
    // While a pool is in use, LibTorch does not give back what it keeps elsewhere, however little memory is free. It cannot be
    // released while another thread does so; then it need not be.
    try? CUDA.releaseCachedMemory()
    try pool.allocating(body)
  }

  func record(_ body: @escaping () throws -> Void) throws -> any Recording { try CUDAGraph(in: pool, body) }

  func clear() throws(TorchError) { pool = try CUDAMemoryPool(device: index) }
}
