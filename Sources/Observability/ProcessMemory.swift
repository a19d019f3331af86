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
}

/// The number of a line `Name:  123 kB`, as the files under /proc have them.
func kibibytes(_ name: String, in text: String) -> Int? {
  for line in text.split(separator: "\n") where line.hasPrefix(name + ":") {
    return line.dropFirst(name.count + 1).split(whereSeparator: { $0 == " " || $0 == "\t" }).first.flatMap { Int($0) }
  }
  return nil
}
