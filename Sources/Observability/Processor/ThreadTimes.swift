import Foundation

/// How long the threads of this process have run, and how long they were ready to run but waited for a core.
public struct ThreadTimes: Hashable, Sendable {
  /// Nanoseconds of one thread since it began.
  package struct Times: Hashable, Sendable {
    var running: UInt64
    var waiting: UInt64
  }

  private let threads: [String: Times]

  /// Reads `/proc/self/task/*/schedstat`; nil where Linux does not keep it.
  public static func current() -> ThreadTimes? {
    let folder = "/proc/self/task"
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else { return nil }
    let texts = names.compactMap { name in
      // A thread may have ended meanwhile.
      (try? String(contentsOfFile: "\(folder)/\(name)/schedstat", encoding: .utf8)).map { (name, $0) }
    }
    let times = ThreadTimes(schedstats: Dictionary(texts) { $1 })
    return times.threads.isEmpty ? nil : times
  }

  /// - Parameter schedstats: by thread: nanoseconds on a core, nanoseconds waiting for one, and how often it got one
  package init(schedstats: [String: String]) {
    threads = schedstats.compactMapValues { text in
      let fields = text.split(whereSeparator: \.isWhitespace).map { UInt64($0) }
      guard fields.count >= 2, let running = fields[0], let waiting = fields[1] else { return nil }
      return Times(running: running, waiting: waiting)
    }
  }

  /// The share of the time in which threads of this process could have run that other programs (or a limit of the control
  /// group) took, in 0 ... 1. What its threads take from one another does not count.
  ///
  /// - Parameters:
  ///   - before: an earlier reading
  ///   - seconds: between the two
  ///   - cores: that the process may use
  public func shareTaken(since before: ThreadTimes, seconds: Double, cores: Int) -> Double {
    let (running, waiting) = sums(since: before)
    // While they waited for one another, the cores were all theirs.
    let taken = min(waiting, max(0, Double(cores) * seconds - running))
    return running + waiting > 0 ? taken / (running + waiting) : 0
  }

  /// The share of the time in which threads of this process could have run that they had no core, whoever had it, in 0 ... 1.
  ///
  /// - Parameter before: an earlier reading
  public func shareWaited(since before: ThreadTimes) -> Double {
    let (running, waiting) = sums(since: before)
    return running + waiting > 0 ? waiting / (running + waiting) : 0
  }

  /// Seconds of all threads between two readings.
  private func sums(since before: ThreadTimes) -> (running: Double, waiting: Double) {
    var (running, waiting) = (0.0, 0.0)
    for (thread, now) in threads {
      let start = before.threads[thread] ?? Times(running: 0, waiting: 0)
      // A number may have been given to another thread.
      running += now.running >= start.running ? Double(now.running - start.running) / 1e9 : 0
      waiting += now.waiting >= start.waiting ? Double(now.waiting - start.waiting) / 1e9 : 0
    }
    return (running, waiting)
  }
}
