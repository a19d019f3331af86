import CTorch

/// The place of a tensor's memory.
public enum Device: Hashable, Sendable, CustomStringConvertible {
  /// Host memory.
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

/// Facts about LibTorch and its settings.
public enum Runtime {
  /// Makes LibTorch write only errors to stderr, unless `TORCH_CPP_LOG_LEVEL` is set in the environment.
  ///
  /// Its warnings about lost peers and stores contain stack traces; callers get the same as an error.
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

  /// The number of threads that an operator may use for the calling thread; numbers below 1 are taken as 1.
  public static var threadCount: Int {
    get { Int(ctorch_thread_count()) }
    set { ctorch_set_thread_count(Int32(clamping: newValue)) }
  }

  /// Lets GPUs round the factors of `float32` matmuls to TF32's 10 bits from now on.
  public static func allowTF32() { ctorch_cuda_allow_tf32() }

  /// Makes GPUs accumulate 16-bit matmuls in float32 throughout: LibTorch's default may add partial sums in 16 bits.
  public static func sumInFloat32() { ctorch_cuda_sum_in_float32() }

  /// The number of CUDA devices that this build can use on this machine.
  public static var cudaDeviceCount: Int { Int(ctorch_cuda_device_count()) }
}
