import Foundation

/// The options of `launch`.
public struct LaunchOptions: Hashable, Sendable {
  /// How the nodes of a job find each other.
  public enum Backend: String, Sendable {
    /// Each node is told its number and where node 0 is.
    case `static`
    /// All nodes are told where to meet, and are numbered as they come.
    case c10d
  }

  /// The fewest and the most nodes of the job.
  public var nodes: ClosedRange<Int> = 1...1
  /// Workers on this node.
  public var workersPerNode = 1
  /// Number of this node, with the static back end.
  public var nodeRank = 0
  /// How nodes find each other.
  public var backend = Backend.static
  /// Where they meet; nil for one node, which takes a free port.
  public var endpoint: Endpoint?
  /// The job's name; nil for a random one.
  public var runID: String?
  /// Seconds to wait for all nodes.
  public var joinTimeout: Double = 600
  /// Seconds to wait for more than the fewest nodes.
  public var lastCallTimeout: Double = 30
  /// Whether this node hosts the store, with the c10d back end; nil: decided by the endpoint's address.
  public var isHost: Bool?
  /// Seconds after which a silent node counts as lost.
  public var patience: Double = 15
  /// Name or address of this node.
  public var localAddress: String?
  /// How often workers are started again.
  public var maxRestarts = 0
  /// Maximum seconds between two checks of the workers.
  public var monitorInterval = 0.1
  /// Seconds between SIGTERM and SIGKILL.
  public var shutdownTimeout: Double = 30
  /// Names of the signals that are passed on.
  public var signals = defaultSignals
  /// The prefix of teed lines.
  public var role = "default"
  /// Folder of the log files.
  public var logFolder: String?
  /// Streams that go to files only.
  public var redirects = StreamChoice()
  /// Streams that go to files and, with a prefix, to the console.
  public var tee = StreamChoice()
  /// Local ranks whose output the console shows; nil: all.
  public var shownLocalRanks: Set<Int>?
  /// The language of the launcher's messages, which its workers speak too; nil where no option names it.
  public var language: LaunchLanguage?
  /// Whether the worker is any executable.
  public var startsAnyProgram = false
  /// The worker's program and its arguments.
  public var worker: [String] = []

  /// The signals that are passed on unless told otherwise: torchrun's.
  public static let defaultSignals = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"]

  /// One worker on one node.
  public init() {}
}

/// A host and a port.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
  /// Name or address.
  public var host: String
  /// Port.
  public var port: Int

  /// `host:port`; an IPv6 address in brackets.
  public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

  /// Takes a host and a port.
  public init(host: String, port: Int) {
    self.host = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
    self.port = port
  }

  /// Reads `host:port` or `host`; nil when the port is no port.
  public init?(_ text: String, defaultPort: Int = 29500) {
    guard !text.isEmpty else { return nil }
    let isAddress =
      text.hasPrefix("[") && text.hasSuffix("]") || text.filter { $0 == ":" }.count > 1 && !text.hasPrefix("[")
    guard !isAddress, let colon = text.lastIndex(of: ":") else {
      self.init(host: text, port: defaultPort)
      return
    }
    guard let port = Int(text[text.index(after: colon)...]), (0...65535).contains(port), colon > text.startIndex else {
      return nil
    }
    self.init(host: String(text[..<colon]), port: port)
  }
}

/// Which of stdout and stderr, for all workers or for each.
public struct StreamChoice: Hashable, Sendable {
  /// One of the two.
  public enum Stream: Int, Sendable, CaseIterable {
    /// Standard output.
    case output = 1
    /// Standard error.
    case error = 2
  }

  private var ofAll = 0
  private var ofRank: [Int: Int]?

  /// None.
  public init() {}

  /// Reads 0, 1 (stdout), 2 (stderr), 3 (both), or one of these for each local rank: `0:3,1:2`; nil for anything else.
  public init?(_ text: String) {
    func choice(_ text: some StringProtocol) -> Int? { Int(text).flatMap { (0...3).contains($0) ? $0 : nil } }
    if let all = choice(text) {
      ofAll = all
      return
    }
    var ranks: [Int: Int] = [:]
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let pair = part.split(separator: ":", omittingEmptySubsequences: false)
      guard pair.count == 2, let rank = Int(pair[0]), rank >= 0, let chosen = choice(pair[1]) else { return nil }
      ranks[rank] = chosen
    }
    ofRank = ranks
  }

  /// Whether a worker's stream is chosen.
  public func has(_ stream: Stream, localRank: Int) -> Bool {
    (ofRank.map { $0[localRank] ?? 0 } ?? ofAll) & stream.rawValue != 0
  }
}
