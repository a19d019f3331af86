import Collectives
import Foundation
import Launcher
import Observability
import OrderedJSON
import Torch

/// An all-reduce between the processes of a job: whether it works, and how fast it is.
package struct Exchange: Hashable, Sendable {
  /// How many processes took part, on how many hosts.
  package var processes: Int
  package var hosts: Int
  /// Bytes that each gave.
  package var bytes: Int
  /// Seconds of one exchange, the median of several.
  package var seconds: Double
  /// Whether every process received the sum.
  package var isCorrect: Bool
  /// Whether it went from GPU to GPU, by NCCL; else over Gloo.
  package var isBetweenGPUs: Bool

  package init(
    processes: Int, hosts: Int, bytes: Int, seconds: Double, isCorrect: Bool, isBetweenGPUs: Bool = false
  ) {
    (self.processes, self.hosts, self.bytes) = (processes, hosts, bytes)
    (self.seconds, self.isCorrect, self.isBetweenGPUs) = (seconds, isCorrect, isBetweenGPUs)
  }

  /// Bytes per second that every link carries: 2 (n − 1) / n of those that a process gives (NCCL's tests call this bus
  /// bandwidth).
  package var busBandwidth: Double {
    2 * Double(processes - 1) / Double(processes) * Double(bytes) / seconds
  }

  /// What was found.
  package var finding: Finding {
    let values: JSON.Object = [
      "processes": .integer(processes), "hosts": .integer(hosts), "bytes": .integer(bytes),
      "seconds": .number(seconds), "bus_bandwidth": .number(busBandwidth),
      "backend": .string(isBetweenGPUs ? "nccl" : "gloo"),
    ]
    let between =
      "\(processes) \(isBetweenGPUs ? "GPUs" : "processes") on \(hosts == 1 ? "this host" : "\(hosts) hosts")"
    guard isCorrect else {
      return .problem(
        "all-reduce", "an all-reduce between \(between) gave a wrong sum",
        remedy: isBetweenGPUs
          ? "what connects the GPUs damages data. If it is right with NCCL_P2P_DISABLE=1, their direct way is broken: switch off ACS "
            + "or the IOMMU in the BIOS, or train with that variable set"
          : "the network, or the memory of a host, damages data: test both (memtest, ethtool -S) before training",
        values)
    }
    let text =
      "an all-reduce of \(HumanText.bytes(bytes)) between \(between) over \(isBetweenGPUs ? "NCCL" : "Gloo"): "
      + "\(HumanText.short(seconds * 1000)) ms, bus bandwidth \(HumanText.short(busBandwidth / 1e9)) GB/s"
    // Gigabit Ethernet carries 0.12 GB/s; the gradients of a 64 M model are 0.26 GB. Within a host even the slowest slots
    // of GPUs carry 1 GB/s.
    let least = isBetweenGPUs && hosts == 1 ? 1e9 : 0.1e9
    guard busBandwidth < least else { return .ok("all-reduce", text, values) }
    if isBetweenGPUs, hosts == 1 {
      return .warning(
        "all-reduce", text,
        remedy:
          "the GPUs do not reach each other directly, or sit in narrow slots (nvidia-smi topo -m shows how they are "
          + "connected). Exchange gradients less often: --gradient-accumulation-steps", values)
    }
    return .warning(
      "all-reduce", text,
      remedy: hosts > 1
        ? "the hosts are on a slow network, or GLOO_SOCKET_IFNAME should name a faster interface. Exchange gradients less often: "
          + "--gradient-accumulation-steps" : "this machine is busy, or has fewer cores than processes", values)
  }

  /// An exchange that failed.
  package static func failed(_ reason: String, betweenGPUs: Bool = false) -> Finding {
    .problem(
      "all-reduce", "an all-reduce between \(betweenGPUs ? "GPUs" : "processes") failed: \(reason)",
      remedy: betweenGPUs
        ? "NCCL_DEBUG=INFO shows what NCCL tries; NCCL_P2P_DISABLE=1 and NCCL_SHM_DISABLE=1 leave its two ways within a host out, one "
          + "by one; --backend gloo trains without it, more slowly"
        : "several processes cannot train here until it works. MINIMIND_DPO_LOG=debug shows which addresses they try")
  }
}

extension Exchange {
  /// Measures with the other processes of a job, all of which call this.
  ///
  /// - Throws: `TorchError` when one of them is gone
  init(among communicator: Communicator, gradients: ProcessGroup? = nil, on device: Device = .cpu) throws(TorchError) {
    let group = communicator.group
    let carrier = gradients ?? group
    let size = group.size
    let expected = Float(size * (size + 1) / 2)
    func exchange(_ count: Int) throws(TorchError) -> (seconds: Double, isCorrect: Bool) {
      let tensor = try Tensor.full([count], Double(group.rank + 1), device: device)
      if device != .cpu { try CUDA.synchronize() }
      try group.barrier()
      let started = ContinuousClock.now
      try carrier.allReduce(tensor)
      if device != .cpu { try CUDA.synchronize() }
      let seconds = (ContinuousClock.now - started) / .seconds(1)
      return (seconds, try tensor.array(Float.self).allSatisfy { $0 == expected })
    }
    // A sixteenth first: connections are made, and slow networks are spared what they cannot carry in seconds.
    let small = 1 << 20
    _ = try exchange(small)
    let trial = try group.sum([try exchange(small).seconds])[0] / Double(size)
    let count = trial < 0.2 ? 16 * small : small
    var seconds: [Double] = []
    var isCorrect = true
    for _ in 0..<5 {
      let round = try exchange(count)
      seconds.append(round.seconds)
      isCorrect = isCorrect && round.isCorrect
    }
    let wrong = try group.sum([isCorrect ? 0 : 1])[0]
    self.init(
      processes: size, hosts: Set(communicator.roster.members.map(\.machine)).count,
      bytes: count * MemoryLayout<Float>.size, seconds: seconds.sorted()[2], isCorrect: wrong == 0,
      isBetweenGPUs: gradients != nil && device != .cpu)
  }

  /// As the processes that ``measured(processes:)`` starts print it.
  var json: JSON {
    [
      "processes": .integer(processes), "hosts": .integer(hosts), "bytes": .integer(bytes), "seconds": .number(seconds),
      "correct": .bool(isCorrect), "gpus": .bool(isBetweenGPUs),
    ]
  }

  private init?(_ json: JSON) {
    guard let processes = json["processes"]?.int, let hosts = json["hosts"]?.int, let bytes = json["bytes"]?.int,
      let seconds = json["seconds"]?.double, let isCorrect = json["correct"]?.bool,
      let isBetweenGPUs = json["gpus"]?.bool
    else { return nil }
    self.init(
      processes: processes, hosts: hosts, bytes: bytes, seconds: seconds, isCorrect: isCorrect,
      isBetweenGPUs: isBetweenGPUs)
  }

  /// Set in the environment of processes that are only to measure.
  static let variable = "MINIMIND_DPO_DOCTOR"
  static let (exchange, gpuExchange) = ("exchange", "gpu-exchange")

  /// Starts processes of this program on this machine and lets them measure.
  ///
  /// - Parameters:
  ///   - gpus: the GPUs that LibTorch sees: where there is one for each process, they are what exchanges
  ///   - launch: runs `doctor` in several processes, given the launcher's options, the environment, and descriptors for
  ///     output and messages; returns the exit code
  static func measured(
    processes: Int, gpus: Int, environment: [String: String],
    launch: ([String], [String: String], Int32, Int32) throws -> Int32
  ) -> Finding {
    let betweenGPUs = gpus >= processes && CUDA.isBuiltIn
    do {
      let (output, messages) = (try TemporaryOutput(), try TemporaryOutput())
      // What an operator set for a job of several hosts is not for this one.
      var own = environment.filter { !$0.key.hasPrefix("PET_") }
      own[variable] = betweenGPUs ? gpuExchange : exchange
      let code = try LongWait.reported(
        { seconds in
          Console.standardError.print(
            "notice: waiting for \(processes) processes of this machine to exchange numbers, \(seconds) s so far")
        },
        during: {
          try launch(
            ["--nnodes", "1", "--nproc-per-node", "\(processes)"], own, output.descriptor, messages.descriptor)
        })
      if code == 0, let exchange = try Exchange(JSON(parsing: output.text)) { return exchange.finding }
      let reason = messages.text.split(separator: "\n").first { $0.contains("error: ") }
        .map { $0.components(separatedBy: "error: ").dropFirst().joined(separator: "error: ") }
      return failed(reason ?? "exit code \(code). \(messages.text.suffix(500))", betweenGPUs: betweenGPUs)
    } catch {
      return failed("\(Failure(error).message)", betweenGPUs: betweenGPUs)
    }
  }
}

/// A file without a name that holds what other processes print, until they have ended.
private final class TemporaryOutput {
  private let file: UnsafeMutablePointer<FILE>
  var descriptor: Int32 { fileno(file) }

  init() throws {
    guard let file = tmpfile() else {
      throw Failure(.cannotWrite, "no temporary file: \(String(cString: strerror(errno))). Check the space in TMPDIR.")
    }
    self.file = file
  }

  deinit { fclose(file) }

  var text: String {
    lseek(descriptor, 0, SEEK_SET)
    let bytes = try? FileHandle(fileDescriptor: descriptor, closeOnDealloc: false).readToEnd()
    return String(decoding: bytes ?? Data(), as: UTF8.self)
  }
}
