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
    let share =
      allowedCores < cores ? "\(allowedCores) of \(HumanText.counted(cores, "core"))" : HumanText.counted(cores, "core")
    let values: JSON.Object = [
      "capability": .string(capability), "cores": .integer(cores), "allowed_cores": .integer(allowedCores),
    ]
    if isX86, capability == "DEFAULT" {
      return .warning(
        "processor", "\(name): LibTorch finds neither AVX2 nor AVX-512 here, and \(share)",
        remedy:
          "training is several times slower than on a processor of the last ten years; a virtual machine may hide what "
          + "its host has (choose the host's CPU model for it)", values)
    }
    return .ok("processor", "\(name): \(share) for this process, \(capability)", values)
  }

  private var threading: Finding {
    let values: JSON.Object = [
      "threads": .integer(threads), "fused_threads": .integer(fusedThreads),
    ]
    let given = threadsWished.flatMap { $0.isEmpty ? nil : $0 }
    if fusedThreads != threads {
      return .warning(
        "threads", "\(HumanText.counted(threads, "thread")), but the fused operators run on \(fusedThreads)",
        remedy:
          "they ask LibTorch's own OpenMP runtime for threads, and another one stands before it: take LD_PRELOAD and "
          + "foreign folders in LD_LIBRARY_PATH away", values)
    }
    if threads > allowedCores {
      return .warning(
        "threads",
        "\(HumanText.counted(threads, "thread")) on \(HumanText.counted(allowedCores, "core")): they wait for each other",
        remedy: given == nil
          ? "train with --threads \(allowedCores)"
          : "set OMP_NUM_THREADS=\(allowedCores), or train with --threads \(allowedCores)",
        values)
    }
    if let given, threads < allowedCores {
      return .warning(
        "threads", "OMP_NUM_THREADS=\(given) leaves \(allowedCores - threads) of \(allowedCores) cores without work",
        remedy: "unset OMP_NUM_THREADS, unless that many processes train here; launch divides the cores itself", values)
    }
    return .ok("threads", "\(HumanText.counted(threads, "thread")) for each operator, fused ones as well", values)
  }

  /// Others at work.
  private var crowd: Finding? {
    guard let load else { return nil }
    let values: JSON.Object = ["load": .number(load)]
    guard load >= 0.5, load > 0.3 * Double(cores) else { return nil }
    return .warning(
      "load",
      "other programs have kept \(HumanText.fixed(load, 1)) of \(HumanText.counted(cores, "core")) busy during the last minute",
      remedy: "end them, or train with --threads and the number of cores that are free", values)
  }
}
