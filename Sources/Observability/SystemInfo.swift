import Foundation
import OrderedJSON

/// The machine a run happened on, for `environment.json` and bug reports.
public struct SystemInfo: Hashable, Sendable {
  /// The host's name.
  public let hostName: String
  /// The operating system in words: Debian GNU/Linux 12 (bookworm).
  public let operatingSystem: String
  /// The kernel's release and architecture: `6.1.0 x86_64`.
  public let kernel: String
  /// The processor's name as it gives it.
  public let processor: String
  /// Cores that this process may run on (its affinity: containers and Slurm give a part of the machine).
  public let availableCores: Int
  /// The machine's memory in bytes; nil where it cannot be read.
  public let memoryBytes: Int?

  /// Asks the machine.
  public init() {
    let text = { (path: String) in (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
    var names = utsname()
    uname(&names)
    let machine = Self.string(names.machine)
    hostName = Self.hostName
    kernel = "\(Self.string(names.release)) \(machine)"
    operatingSystem =
      Self.value(of: "PRETTY_NAME", separator: "=", in: text("/etc/os-release"))
      .map { $0.trimmingCharacters(in: ["\""]) } ?? Self.string(names.sysname)
    let cpu = text("/proc/cpuinfo")
    // ARM has no model name.
    processor =
      Self.value(of: "model name", separator: ":", in: cpu) ?? Self.value(of: "Hardware", separator: ":", in: cpu)
      ?? machine
    availableCores =
      Self.allowedCores(status: text("/proc/self/status")) ?? ProcessInfo.processInfo.activeProcessorCount
    memoryBytes = kibibytes("MemTotal", in: text("/proc/meminfo")).map { $0 * 1024 }
  }

  /// The host's name, as `uname` has it.
  package static var hostName: String {
    var names = utsname()
    uname(&names)
    return string(names.nodename)
  }

  /// The same as an object with the keys `host`, `os`, `kernel`, `processor`, `cores` and `memory_bytes`.
  public var json: JSON {
    [
      "host": .string(hostName), "os": .string(operatingSystem), "kernel": .string(kernel),
      "processor": .string(processor), "cores": .integer(availableCores),
      "memory_bytes": memoryBytes.map(JSON.integer) ?? .null,
    ]
  }

  /// Counts the bits of `Cpus_allowed` (hexadecimal words, separated by commas): what `sched_getaffinity` answers,
  /// which Swift's Glibc module does not show.
  package static func allowedCores(status text: String) -> Int? {
    let bits = value(of: "Cpus_allowed", separator: ":", in: text)?
      .reduce(0) { $0 + ($1.hexDigitValue?.nonzeroBitCount ?? 0) }
    return bits == 0 ? nil : bits
  }

  private static func value(of name: String, separator: Character, in text: String) -> String? {
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: separator, maxSplits: 1)
      if parts.count == 2, parts[0].trimmingCharacters(in: .whitespaces) == name {
        return parts[1].trimmingCharacters(in: .whitespaces)
      }
    }
    return nil
  }

  /// A C array of characters, which Swift sees as a tuple, up to its zero.
  private static func string<Characters>(_ characters: Characters) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
