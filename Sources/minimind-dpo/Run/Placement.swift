import Foundation
import Launcher
import Observability
import Torch

/// Where this process computes, and in which type it multiplies.
struct Placement {
  /// The CPU, or this process's GPU.
  var device = Device.cpu
  /// The compute dtype.
  var type = DType.float32
  /// The GPU, by its address on the PCI bus.
  var busID: String?

  /// The device for people and for the roster: `cuda:0 (NVIDIA H200, 0000:3b:00.0)`.
  var description = "cpu"

  /// The GPU's ordinal among the visible ones.
  var ordinal: Int? {
    guard case .cuda(let index) = device else { return nil }
    return index
  }
}

extension Placement {
  /// Bytes in use by this process, and free, where it computes; nil where that is not known.
  func memory() -> (used: Int, free: Int)? {
    guard let ordinal else { return ProcessMemory.usedAndFree() }
    guard let memory = try? CUDA.memory(of: ordinal) else { return nil }
    // What LibTorch keeps for new tensors is free for them.
    return (memory.peak, memory.free + memory.reserved - memory.allocated)
  }
}

extension DeviceArguments {
  /// Takes the threads, and the device: a GPU where this program and LibTorch see one, unless the CPU was named.
  ///
  /// - Parameters:
  ///   - sharing: whether processes of one host may share a GPU, as Gloo allows
  ///   - type: the type of products that another option asks for on a GPU
  ///   - warns: whether it is said that other programs use the cores
  /// - Throws: `Failure` for a device that is not there, `DeviceChoiceError`
  func place(sharing: Bool = false, preferring type: DType? = nil, warns: Bool = true) throws -> Placement {
    // OMP_NUM_THREADS is the user's word; LibTorch has obeyed it already.
    if let threads { Runtime.threadCount = threads }
    CUDA.prepareAllocator()
    let count = CUDA.isBuiltIn ? Runtime.cudaDeviceCount : 0
    guard device == .cuda || (device == .auto && count > 0) else {
      SharedCores.watch(warns: warns)
      return Placement(type: products ?? .float32)
    }
    guard CUDA.isBuiltIn else {
      throw Failure(
        .unavailable,
        "--device cuda: this program was built with a LibTorch \(Runtime.version) for the CPU alone. Build it where PyTorch for "
          + "CUDA is installed (make build; LIBTORCH=/path/to/torch names one), or use --device cpu.")
    }
    guard count > 0 else {
      throw Failure(
        .unavailable,
        "--device cuda: LibTorch \(Runtime.version) sees no CUDA device here. `minimind-dpo doctor` tells why; or use "
          + "--device cpu.")
    }
    let variables = ProcessInfo.processInfo.environment
    let environment = try WorkerEnvironment(variables)
    let index = try Launcher.DeviceChoice.index(
      localRank: environment.localRank, localWorldSize: environment.localWorldSize, visibleDevices: count,
      schedulerGivesOneEach: Launcher.DeviceChoice.schedulerGivesOneEach(variables) || sharing)
    let found = try CUDA.properties(of: index)
    // Work that is to be recorded into graphs, and whatever belongs to it, must not be on the default stream.
    try CUDAStream(device: index).use()
    if tf32 { Runtime.allowTF32() }
    let wanted = products ?? type ?? (found.hasBFloat16 ? .bfloat16 : .float32)
    guard wanted != .bfloat16 || found.hasBFloat16 else {
      throw Failure(
        .unavailable,
        "--precision bf16: \(found.name) has no products of bfloat16 (compute capability 8.0 and later have). Use --precision fp16 or "
          + "fp32.")
    }
    Runtime.sumInFloat32()
    return Placement(
      device: .cuda(index), type: wanted, busID: found.busID,
      description: "cuda:\(index) (\(found.name), \(found.busID))")
  }

  /// The type that the options name; nil for auto.
  private var products: DType? {
    if bf16 { return .bfloat16 }
    if fp16 { return .float16 }
    switch precision {
    case .auto: return nil
    case .fp32: return .float32
    case .bf16: return .bfloat16
    case .fp16: return .float16
    }
  }
}
