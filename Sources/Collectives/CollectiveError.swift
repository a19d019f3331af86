/// Why the processes of a job cannot work together.
public enum CollectiveError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A name has no address.
  case unknownHost(String, reason: String)
  /// Nothing answers where the processes are to meet.
  case unreachable(host: String, port: Int, attempts: [String], seconds: Int)
  /// The port at which this process is to host the store is taken.
  case portTaken(port: Int, reason: String)
  /// Some processes did not come.
  case missing(ranks: [Int], worldSize: Int, seconds: Int)
  /// Ranks were started with something different.
  case disagreement([String])
  /// The meeting failed for a reason of the system's.
  case system(String)

  /// What happened, what was expected, and what to do.
  public var description: String {
    switch self {
    case .unknownHost(let host, let reason):
      "the host name \(host) (MASTER_ADDR) has no address here: \(reason). Use the name or address that all hosts know."
    case .unreachable(let host, let port, let attempts, let seconds):
      """
      could not reach the store of rank 0 at \(host):\(port) (MASTER_ADDR and MASTER_PORT) within \(seconds) s. \
      Last attempts: \(attempts.joined(separator: "; ")). Check that rank 0 runs, that the address is the right one for this \
      network, and that no firewall stands between.
      """
    case .portTaken(let port, let reason):
      """
      rank 0 is to host the store at port \(port) (MASTER_PORT), but \(reason). End that process, or choose another \
      port.
      """
    case .missing(let ranks, let worldSize, let seconds):
      """
      \(ranks.count == 1 ? "rank" : "ranks") \(ranks.map(String.init).joined(separator: ", ")) of \(worldSize) did not \
      come within \(seconds) s. Look at their output, and check that every host was started with the same world size.
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
}
