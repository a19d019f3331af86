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
    let between = Phrase(
      en: "\(processes) \(isBetweenGPUs ? "GPUs" : "processes") on \(hosts == 1 ? "this host" : "\(hosts) hosts")",
      zh: "\(hosts == 1 ? "本机" : "\(hosts) 台主机上")的 \(processes) 个\(isBetweenGPUs ? " GPU " : "进程")之间")
    guard isCorrect else {
      return .problem(
        "all-reduce",
        Phrase(
          en: "an all-reduce between \(between.en) gave a wrong sum", zh: "\(between.zh)的 all-reduce 得出的和不对"),
        remedy: isBetweenGPUs
          ? Phrase(
            en:
              "what connects the GPUs damages data. If it is right with NCCL_P2P_DISABLE=1, their direct way is broken: "
              + "switch off ACS or the IOMMU in the BIOS, or train with that variable set",
            zh: "GPU 之间的连接会损坏数据。如果设置 NCCL_P2P_DISABLE=1 后结果正确，就是直连通路有问题：在 BIOS 中关闭 ACS 或 "
              + "IOMMU，或设置该变量来训练")
          : Phrase(
            en: "the network, or the memory of a host, damages data: test both (memtest, ethtool -S) before training",
            zh: "网络或某台主机的内存会损坏数据：训练前先检查两者（memtest、ethtool -S）"), values)
    }
    let (size, library) = (HumanText.bytes(bytes), isBetweenGPUs ? "NCCL" : "Gloo")
    let (time, speed) = (HumanText.short(seconds * 1000), HumanText.short(busBandwidth / 1e9))
    let text = Phrase(
      en: "an all-reduce of \(size) between \(between.en) over \(library): \(time) ms, bus bandwidth \(speed) GB/s",
      zh: "\(between.zh)用 \(library) 对 \(size) 做 all-reduce：\(time) ms，总线带宽 \(speed) GB/s")
    // Gigabit Ethernet carries 0.12 GB/s; the gradients of a 64 M model are 0.26 GB. Within a host even the slowest slots
    // of GPUs carry 1 GB/s.
    let least = isBetweenGPUs && hosts == 1 ? 1e9 : 0.1e9
    guard busBandwidth < least else { return .ok("all-reduce", text, values) }
    return .warning("all-reduce", text, remedy: whySlow, values)
  }

  private var whySlow: Phrase {
    if isBetweenGPUs, hosts == 1 {
      return Phrase(
        en: "the GPUs do not reach each other directly, or sit in narrow slots (nvidia-smi topo -m shows how they are "
          + "connected). Exchange gradients less often: --gradient-accumulation-steps",
        zh: "GPU 之间不能直接访问，或插在窄的插槽里（nvidia-smi topo -m 显示连接方式）。可以减少交换梯度的次数："
          + "--gradient-accumulation-steps")
    }
    guard hosts > 1 else {
      return Phrase(
        en: "this machine is busy, or has fewer cores than processes", zh: "本机正忙，或核心比进程少")
    }
    return Phrase(
      en:
        "the hosts are on a slow network, or GLOO_SOCKET_IFNAME should name a faster interface. Exchange gradients less "
        + "often: --gradient-accumulation-steps",
      zh: "主机之间的网络慢，或者 GLOO_SOCKET_IFNAME 应指定更快的网卡。可以减少交换梯度的次数：--gradient-accumulation-steps")
  }

  /// An exchange that failed.
  ///
  /// - Parameter reason: the error's own words
  package static func failed(_ reason: String, betweenGPUs: Bool = false) -> Finding {
    failed(Phrase(reason), betweenGPUs: betweenGPUs)
  }

  /// An exchange that failed, for a reason in both languages.
  package static func failed(_ reason: Phrase, betweenGPUs: Bool = false) -> Finding {
    .problem(
      "all-reduce",
      Phrase(
        en: "an all-reduce between \(betweenGPUs ? "GPUs" : "processes") failed: \(reason.en)",
        zh: "\(betweenGPUs ? "GPU" : "进程")之间的 all-reduce 失败：\(reason.zh)"),
      remedy: betweenGPUs
        ? Phrase(
          en:
            "NCCL_DEBUG=INFO shows what NCCL tries; NCCL_P2P_DISABLE=1 and NCCL_SHM_DISABLE=1 leave its two ways within a "
            + "host out, one by one; --backend gloo trains without it, more slowly",
          zh: "NCCL_DEBUG=INFO 显示 NCCL 尝试了什么；NCCL_P2P_DISABLE=1 和 NCCL_SHM_DISABLE=1 可逐一排除它在主机内的两种通路；"
            + "--backend gloo 不用 NCCL 也能训练，但较慢")
        : Phrase(
          en:
            "several processes cannot train here until it works. MINIMIND_DPO_LOG=debug shows which addresses they try",
          zh: "在它正常之前，这里不能多进程训练。MINIMIND_DPO_LOG=debug 显示进程尝试连接的地址"))
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
          let words = Phrase(
            en: "notice: waiting for \(processes) processes of this machine to exchange numbers, \(seconds) s so far",
            zh: "notice: 等待本机的 \(processes) 个进程交换数据，已 \(seconds) 秒")
          Console.standardError.print(words.text)
        },
        during: {
          try launch(
            ["--nnodes", "1", "--nproc-per-node", "\(processes)"], own, output.descriptor, messages.descriptor)
        })
      if code == 0, let exchange = try Exchange(JSON(parsing: output.text)) { return exchange.finding }
      let reason = messages.text.split(separator: "\n").first { $0.contains("error: ") }
        .map { $0.components(separatedBy: "error: ").dropFirst().joined(separator: "error: ") }
      let ending = Phrase(en: "exit code \(code). ", zh: "退出码 \(code)。") + Phrase(String(messages.text.suffix(500)))
      return failed(reason.map { Phrase($0) } ?? ending, betweenGPUs: betweenGPUs)
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
