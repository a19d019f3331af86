import Foundation
import Launcher
import Observability
import OrderedJSON
import Torch

/// What computes on the host, and on how many threads.
package struct ProcessorFacts: Hashable, Sendable {
  /// The processor's name.
  package var name = "a processor"
  /// What LibTorch makes use of: `AVX512`, `AVX2`, `DEFAULT`.
  package var capability = "DEFAULT"
  /// Whether it is one of Intel's or AMD's architecture, whose `DEFAULT` is slow.
  package var isX86 = true
  /// Cores of the machine.
  package var cores = 1
  /// Cores that this process may use, by its affinity and by its control group.
  package var allowedCores = 1
  /// Threads of an operator of LibTorch.
  package var threads = 1
  /// Threads of a fused operator.
  package var fusedThreads = 1
  /// `OMP_NUM_THREADS`, where it is set.
  package var threadsWished: String?
  /// How many threads of the machine have wanted to run, on average over the last minute.
  package var load: Double?

  package init() {}
}

extension ProcessorFacts {
  static func gathered(_ environment: [String: String]) throws -> ProcessorFacts {
    let system = SystemInfo()
    var facts = ProcessorFacts()
    facts.name = system.processor
    facts.capability = try Runtime.cpuCapability()
    facts.isX86 = system.kernel.hasSuffix("x86_64")
    facts.cores = ProcessInfo.processInfo.processorCount
    facts.allowedCores = AvailableCores.count()
    facts.threads = Runtime.threadCount
    facts.fusedThreads = Runtime.fusedOperatorThreadCount
    facts.threadsWished = environment["OMP_NUM_THREADS"]
    facts.load = (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8))
      .flatMap { $0.split(separator: " ").first.flatMap { Double($0) } }
    return facts
  }
}

extension ProcessorFacts {
  /// What was found.
  package var findings: [Finding] { [processor, threading] + (crowd.map { [$0] } ?? []) }

  private var processor: Finding {
    let all = HumanText.counted(cores, "core")
    let share =
      allowedCores < cores
      ? Phrase(en: "\(allowedCores) of \(all)", zh: "\(cores) 个核心中的 \(allowedCores) 个")
      : Phrase(en: all, zh: "\(cores) 个核心")
    let values: JSON.Object = [
      "capability": .string(capability), "cores": .integer(cores), "allowed_cores": .integer(allowedCores),
    ]
    if isX86, capability == "DEFAULT" {
      return .warning(
        "processor",
        Phrase(
          en: "\(name): LibTorch finds neither AVX2 nor AVX-512 here, and \(share.en)",
          zh: "\(name)：LibTorch 在这里既找不到 AVX2 也找不到 AVX-512；有 \(share.zh)"),
        remedy: Phrase(
          en:
            "training is several times slower than on a processor of the last ten years; a virtual machine may hide what "
            + "its host has (choose the host's CPU model for it)",
          zh: "训练会比近十年的处理器慢好几倍；虚拟机可能隐藏了宿主机的指令集（为虚拟机选择宿主机的 CPU 型号）"), values)
    }
    return .ok(
      "processor",
      Phrase(
        en: "\(name): \(share.en) for this process, \(capability)", zh: "\(name)：本进程可用 \(share.zh)，\(capability)"),
      values)
  }

  private var threading: Finding {
    let values: JSON.Object = [
      "threads": .integer(threads), "fused_threads": .integer(fusedThreads),
    ]
    let given = threadsWished.flatMap { $0.isEmpty ? nil : $0 }
    let all = Phrase(en: HumanText.counted(threads, "thread"), zh: "\(threads) 个线程")
    if fusedThreads != threads {
      return .warning(
        "threads",
        all + Phrase(en: ", but the fused operators run on \(fusedThreads)", zh: "，但融合算子只用 \(fusedThreads) 个"),
        remedy: Phrase(
          en:
            "they ask LibTorch's own OpenMP runtime for threads, and another one stands before it: take LD_PRELOAD and "
            + "foreign folders in LD_LIBRARY_PATH away",
          zh: "融合算子向 LibTorch 自带的 OpenMP 运行库要线程，而另一个运行库排在它前面：去掉 LD_PRELOAD，以及 "
            + "LD_LIBRARY_PATH 中的外来文件夹"), values)
    }
    if threads > allowedCores {
      return .warning(
        "threads",
        Phrase(
          en: "\(all.en) on \(HumanText.counted(allowedCores, "core")): they wait for each other",
          zh: "\(allowedCores) 个核心上有 \(all.zh)，它们会互相等待"),
        remedy: given == nil
          ? Phrase(en: "train with --threads \(allowedCores)", zh: "训练时加 --threads \(allowedCores)")
          : Phrase(
            en: "set OMP_NUM_THREADS=\(allowedCores), or train with --threads \(allowedCores)",
            zh: "设置 OMP_NUM_THREADS=\(allowedCores)，或训练时加 --threads \(allowedCores)"), values)
    }
    if let given, threads < allowedCores {
      let idle = allowedCores - threads
      return .warning(
        "threads",
        Phrase(
          en: "OMP_NUM_THREADS=\(given) leaves \(idle) of \(allowedCores) cores without work",
          zh: "OMP_NUM_THREADS=\(given) 使 \(allowedCores) 个核心中的 \(idle) 个无事可做"),
        remedy: Phrase(
          en: "unset OMP_NUM_THREADS, unless that many processes train here; launch divides the cores itself",
          zh: "除非这里有那么多进程在训练，否则 unset OMP_NUM_THREADS；launch 会自己分配核心"), values)
    }
    return .ok(
      "threads", Phrase(en: "\(all.en) for each operator, fused ones as well", zh: "每个算子 \(all.zh)，融合算子也一样"), values)
  }

  /// Others at work.
  private var crowd: Finding? {
    guard let load else { return nil }
    let values: JSON.Object = ["load": .number(load)]
    guard load >= 0.5, load > 0.3 * Double(cores) else { return nil }
    let busy = HumanText.fixed(load, 1)
    return .warning(
      "load",
      Phrase(
        en: "other programs have kept \(busy) of \(HumanText.counted(cores, "core")) busy during the last minute",
        zh: "过去一分钟，其他程序平均需要 \(busy) 个核心，而本机有 \(cores) 个"),
      remedy: Phrase(
        en: "end them, or train with --threads and the number of cores that are free",
        zh: "结束这些程序，或训练时用 --threads 给出空闲的核心数"), values)
  }
}
