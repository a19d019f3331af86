import CTorch

/// Where a tensor lives.
public enum Device: Hashable, Sendable, CustomStringConvertible {
  /// The host's memory.
  case cpu
  /// The CUDA device with this index among the visible ones.
  case cuda(Int)

  /// `cpu`, or `cuda:1`.
  public var description: String {
    switch self {
    case .cpu: "cpu"
    case .cuda(let index): "cuda:\(index)"
    }
  }

  var code: ctorch_device {
    switch self {
    case .cpu: ctorch_device(type: CTORCH_CPU, index: -1)
    case .cuda(let index): ctorch_device(type: CTORCH_CUDA, index: Int32(clamping: index))
    }
  }
}

/// Facts and settings of LibTorch itself.
public enum Runtime {
  /// Lets LibTorch write errors only to stderr, unless `TORCH_CPP_LOG_LEVEL` in the environment says otherwise.
  ///
  /// Its warnings about peers and stores that are gone come with stack traces; whoever calls learns the same by an error.
  public static func quietLog() { ctorch_initialize_logging() }

  /// The version of LibTorch, such as `2.13.0`.
  public static var version: String { String(cString: ctorch_version()) }

  /// The instruction set that LibTorch's CPU kernels use here: `AVX512`, `AVX2`, `DEFAULT`.
  ///
  /// - Throws: `TorchError` when LibTorch does not know the processor.
  public static func cpuCapability() throws(TorchError) -> String {
    var text: UnsafeMutablePointer<CChar>?
    try checked("cpuCapability") { ctorch_cpu_capability(&text, &$0) }
    defer { ctorch_free_text(text) }
    return text.map { String(cString: $0) } ?? ""
  }

  /// How many threads an operator may use on the calling thread's behalf; a number below 1 is taken as 1.
  public static var threadCount: Int {
    get { Int(ctorch_thread_count()) }
    set { ctorch_set_thread_count(Int32(clamping: newValue)) }
  }

  /// Lets GPUs round the factors of `float32` products to TF32's 10 bits from now on.
  public static func allowTF32() { ctorch_cuda_allow_tf32() }

  /// Lets GPUs add up products of 16 bits in float32 throughout: LibTorch's default may add parts of a sum in 16 bits.
  public static func sumInFloat32() { ctorch_cuda_sum_in_float32() }

  /// How many CUDA devices this build and this machine offer together.
  public static var cudaDeviceCount: Int { Int(ctorch_cuda_device_count()) }
}
