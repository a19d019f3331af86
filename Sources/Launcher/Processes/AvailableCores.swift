import CLauncher
import Foundation

/// The cores that this process may use.
public enum AvailableCores {
  /// By its affinity (`taskset`, Slurm, cpusets of containers) and the quota of its control group (containers with
  /// `--cpus 2` see all cores of the machine, but get the time of two).
  public static func count() -> Int {
    let allowed = Int(claunch_allowed_cores())
    let cores = allowed > 0 ? allowed : ProcessInfo.processInfo.activeProcessorCount
    return max(1, min(cores, quota(membership: text("/proc/self/cgroup"), read: text) ?? cores))
  }

  private static func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }

  /// Whole cores within the tightest quota of the group and those around it; nil without any.
  ///
  /// - Parameters:
  ///   - membership: the lines of `/proc/self/cgroup`: `0::/a/b` (version 2), `4:cpu,cpuacct:/a/b` (version 1)
  ///   - read: gives the text of a file, or none
  package static func quota(membership: String, read: (String) -> String) -> Int? {
    var tightest: Double?
    func consider(_ quota: Double?, _ period: Double?) {
      guard let quota, let period, quota > 0, period > 0 else { return }
      tightest = min(tightest ?? .infinity, quota / period)
    }
    for line in membership.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let isSecond = fields[1].isEmpty
      guard isSecond || fields[1].split(separator: ",").contains("cpu") else { continue }
      var names = fields[2].split(separator: "/").map(String.init)
      // Within a container the group's own folder is often mounted as the root.
      while true {
        let folder = (["/sys/fs/cgroup"] + (isSecond ? [] : ["cpu"]) + names).joined(separator: "/")
        if isSecond {
          let numbers = read(folder + "/cpu.max").split(whereSeparator: \.isWhitespace).map { Double($0) }
          if numbers.count == 2 { consider(numbers[0], numbers[1]) }
        } else {
          func number(_ name: String) -> Double? {
            Double(read(folder + "/" + name).trimmingCharacters(in: .whitespacesAndNewlines))
          }
          consider(number("cpu.cfs_quota_us"), number("cpu.cfs_period_us"))
        }
        if names.isEmpty { break }
        names.removeLast()
      }
    }
    return tightest.map { max(1, Int($0.rounded(.up))) }
  }
}
