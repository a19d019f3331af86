/// Why the processes of a job cannot work together.
public enum CollectiveError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A name has no address.
  case unknownHost(String, reason: String, seconds: Int)
  /// Nothing answers where the processes are to meet.
  case unreachable(host: String, port: Int, attempts: [String], seconds: Int)
  /// The port at which this process is to host the store is taken.
  case portTaken(port: Int, reason: String)
  /// Some processes did not come.
  case missing(ranks: [Int], worldSize: Int, seconds: Int)
  /// The process that hosts the store ended while the others were still meeting there.
  case storeLost(byLauncher: Bool)
  /// Ranks were started with something different.
  case disagreement([String])
  /// The meeting failed for a reason of the system's.
  case system(String)

  /// What happened, what was expected, and what to do.
  public var description: String {
    switch self {
    case .unknownHost(let host, let reason, let seconds):
      """
      the host name \(host) (MASTER_ADDR) has no address here, tried for \(seconds) s: \(reason). Set MASTER_ADDR to a name \
      or an address of rank 0's host that all hosts know.
      """
    case .unreachable(let host, let port, let attempts, let seconds):
      """
      could not reach the store of rank 0 at \(host):\(port) (MASTER_ADDR and MASTER_PORT) within \(seconds) s. \
      Last attempts: \(attempts.joined(separator: "; ")). Check that rank 0 runs, that the address is right for this \
      network, and that no firewall is in between.
      """
    case .portTaken(let port, let reason):
      """
      rank 0 is to host the store at port \(port) (MASTER_PORT), but \(reason). End that process, or choose another \
      port.
      """
    case .missing(let ranks, let worldSize, let seconds):
      """
      \(Self.list(ranks)) of \(worldSize) did not come within \(seconds) s. Look at the output of \
      \(ranks.count == 1 ? "that rank" : "those ranks"), and check that every host was started with the same world size.
      """
    case .storeLost(let byLauncher):
      """
      \(byLauncher ? "the launcher" : "rank 0"), which hosts the store where the ranks meet, ended before all had met. Look \
      at its output.
      """
    case .disagreement(let differences):
      """
      the ranks were not started alike, so their results would mean nothing:
      \(differences.map { "  " + $0 }.joined(separator: "\n"))
      Give all of them the same options, files and program.
      """
    case .system(let reason): "the processes cannot meet: \(reason)."
    }
  }

  /// `rank 3`, or `ranks 1, 4, 5`.
  static func list(_ ranks: [Int]) -> String {
    "\(ranks.count == 1 ? "rank" : "ranks") \(ranks.map(String.init).joined(separator: ", "))"
  }
}
