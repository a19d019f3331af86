import CTorch

/// NVIDIA GPUs.
///
/// Work on a GPU is queued on the calling thread's current `CUDAStream` and runs later: a failure may appear in a later
/// call, and reading a tensor's elements waits for them. In a build without CUDA all throwing functions throw.
public enum CUDA {
  /// Whether this program was compiled with CUDA.
  public static var isBuiltIn: Bool { ctorch_cuda_is_built() }

  /// The version of CUDA it was compiled with, such as `13.0`; nil without.
  public static var version: String? {
    let number = Int(ctorch_cuda_version())
    return number == 0 ? nil : "\(number / 1000).\(number % 1000 / 10)"
  }

  /// Lets LibTorch's memory segments on a device grow in place, so that micro-batches of changing sizes do not fragment
  /// memory; settings of the allocator in the environment take precedence. To be called before a device is used.
  public static func prepareAllocator() { ctorch_cuda_prepare_allocator() }

  /// Properties of a device.
  public struct Properties: Sendable {
    /// Its name, such as `NVIDIA H200`.
    public let name: String
    /// Its address on the PCI bus, such as `0000:3b:00.0`, which identifies it in NVIDIA's tools independently of
    /// `CUDA_VISIBLE_DEVICES`.
    public let busID: String
    /// Major and minor number of its compute capability.
    public let capability: (major: Int, minor: Int)
    /// The number of its multiprocessors.
    public let multiprocessors: Int
    /// Its memory in bytes.
    public let memory: Int

    /// Whether it has hardware for bfloat16 matmuls (Ampere and later).
    public var hasBFloat16: Bool { capability.major >= 8 }
  }

  /// The properties of a device.
  ///
  /// - Parameter index: among the visible ones
  /// - Throws: `TorchError` where there is none.
  public static func properties(of index: Int) throws(TorchError) -> Properties {
    var found = ctorch_cuda_properties()
    try checked("CUDA.properties") { ctorch_cuda_get_properties(Int32(clamping: index), &found, &$0) }
    return Properties(
      name: text(of: found.name), busID: text(of: found.bus_id), capability: (Int(found.major), Int(found.minor)),
      multiprocessors: Int(found.multiprocessors), memory: Int(found.memory_bytes))
  }

  /// Waits for all work on the current device.
  ///
  /// - Throws: `TorchError` when some of it has failed.
  public static func synchronize() throws(TorchError) {
    try checked("CUDA.synchronize") { ctorch_cuda_synchronize(&$0) }
  }

  private static func text<Characters>(of characters: Characters) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}

// MARK: - Memory

extension CUDA {
  /// The memory of a device, in bytes.
  public struct Memory: Sendable {
    /// In tensors of this process.
    public let allocated: Int
    /// The largest value of `allocated` so far.
    public let peak: Int
    /// Taken from the device by this process, in tensors or cached.
    public let reserved: Int
    /// Not taken by any process.
    public let free: Int
    /// All of the device's.
    public let total: Int
  }

  /// The memory usage of a device.
  ///
  /// - Throws: `TorchError` where there is no such device.
  public static func memory(of index: Int) throws(TorchError) -> Memory {
    var found = ctorch_cuda_memory()
    try checked("CUDA.memory") { ctorch_cuda_get_memory(Int32(clamping: index), &found, &$0) }
    return Memory(
      allocated: Int(found.allocated), peak: Int(found.peak), reserved: Int(found.reserved), free: Int(found.free),
      total: Int(found.total))
  }

  /// Returns cached memory to the device.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public static func releaseCachedMemory() throws(TorchError) {
    try checked("CUDA.releaseCachedMemory") { ctorch_cuda_release_memory(&$0) }
  }
}

extension Tensor {
  /// A copy in pinned host memory, which a device can read while the host goes on.
  ///
  /// - Throws: `TorchError` where there is no CUDA, or no memory.
  public func pinned() throws(TorchError) -> Tensor {
    try derive("pinned") { ctorch_pinned(handle, &$0, &$1) }
  }
}
