import Foundation

/// Memory of this process, as Linux counts it.
public struct ProcessMemory: Hashable, Sendable {
  /// Bytes in RAM now.
  public let residentBytes: Int
  /// The most there ever were.
  public let peakBytes: Int

  /// Reads `/proc/self/status`; nil where there is none.
  public static func current() -> ProcessMemory? {
    guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return nil }
    return ProcessMemory(status: text)
  }

  /// Takes `VmRSS` and `VmHWM` (in kB, which are KiB) out of the text of a `status` file.
  package init?(status text: String) {
    guard let resident = kibibytes("VmRSS", in: text), let peak = kibibytes("VmHWM", in: text) else { return nil }
    residentBytes = resident * 1024
    peakBytes = peak * 1024
  }

  /// Bytes in RAM now, and those that this process could still get.
  public static func usedAndFree() -> (used: Int, free: Int)? {
    guard let used = current()?.residentBytes, let free = availableBytes() else { return nil }
    return (used, free)
  }

  /// Bytes that this process could still get: of the machine's, and of those that its control group may have (containers
  /// and Slurm set such limits). nil where Linux does not tell.
  public static func availableBytes() -> Int? {
    let text = { (path: String) in try? String(contentsOfFile: path, encoding: .utf8) }
    let machine = text("/proc/meminfo").flatMap { kibibytes("MemAvailable", in: $0) }.map { $0 * 1024 }
    let groups = text("/proc/self/cgroup") ?? ""
    let path = groups.split(separator: "\n").first { $0.hasPrefix("0::") }?.dropFirst(3) ?? "/"
    let folder = "/sys/fs/cgroup\(path == "/" ? "" : path)/"
    let group = availableBytes(
      limit: text(folder + "memory.max"), used: text(folder + "memory.current"),
      statistics: text(folder + "memory.stat"))
    return [machine, group].compactMap(\.self).min()
  }

  /// What a control group has left, from its files; nil without a limit. Cached files can be given up, and do not count.
  package static func availableBytes(limit: String?, used: String?, statistics: String?) -> Int? {
    func number(_ text: (some StringProtocol)?) -> Int? {
      text.flatMap { Int(String($0).trimmingCharacters(in: .whitespacesAndNewlines)) }
    }
    guard let limit = number(limit), let used = number(used) else { return nil }
    let inactive = statistics?.split(separator: "\n").first { $0.hasPrefix("inactive_file ") }?.dropFirst(14)
    return max(0, limit - used + (number(inactive) ?? 0))
  }
}

/// The number of a line `Name:  123 kB`, as the files under /proc have them.
func kibibytes(_ name: String, in text: String) -> Int? {
  for line in text.split(separator: "\n") where line.hasPrefix(name + ":") {
    return line.dropFirst(name.count + 1).split(whereSeparator: { $0 == " " || $0 == "\t" }).first.flatMap { Int($0) }
  }
  return nil
}
