import Foundation
import OrderedJSON

/// Where a run computes, as far as that decides its speed: what `environment.json` records.
public struct RunMachine: Hashable, Sendable {
  /// Whether it computes on GPUs.
  public var isOnGPU = false
  /// The type of matrix products: `float32`, `bfloat16`, `float16`.
  public var precision = "float32"
  /// The types that the processor multiplies by itself; nil where that is not known.
  public var nativeTypes: [String]?
  /// Cores that the processes of a host may use.
  public var cores: Int?
  /// Threads of a process.
  public var threads: Int?
  /// The processes of the run.
  public var processes = 1
  /// Those of them on the first host.
  public var processesPerHost = 1
  /// The hosts of the ranks, in order.
  public var hosts: [String] = []
  /// Pairs of a micro-batch.
  public var perDeviceBatch: Int?
  /// Micro-batches of a step.
  public var accumulation: Int?
  /// Whether the run is in a container.
  public var isContainer = false
  /// The network interface that gradients take, where there are several hosts.
  public var interface: String?
  /// Whether that leads through a bridge of Docker or of a virtual machine.
  public var isInterfaceVirtual = false
  /// Bytes of `/dev/shm`, over which the GPUs of a host hand each other data.
  public var sharedMemoryBytes: Int?

  /// Nothing is known.
  public init() {}

  /// Reads `environment.json`; what it does not say, as in those of earlier versions, stays unknown.
  public init(_ json: JSON?) {
    guard let json else { return }
    isOnGPU = json["device"]?.string.map { !$0.hasPrefix("CPU") && !$0.hasPrefix("cpu") } ?? false
    precision = json["precision"]?.string ?? "float32"
    nativeTypes = json["native_types"]?.array?.compactMap(\.string)
    (cores, threads) = (json["cores"]?.int, json["threads"]?.int)
    processes = json["world_size"]?.int ?? 1
    hosts = (json["processes"]?.array ?? []).compactMap { $0["host"]?.string }
    processesPerHost = hosts.isEmpty ? processes : hosts.count { $0 == hosts[0] }
    (perDeviceBatch, accumulation) = (json["per_device_batch"]?.int, json["accumulation"]?.int)
    isContainer = json["container"]?.bool ?? false
    interface = json["network"]?["interface"]?.string
    isInterfaceVirtual = json["network"]?["virtual"]?.bool ?? false
    sharedMemoryBytes = json["network"]?["shared_memory_bytes"]?.int
  }

  /// How many hosts there are.
  var hostCount: Int { max(1, Set(hosts).count) }
}
