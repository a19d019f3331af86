/// What a node says about itself when it joins.
struct NodeRecord: Codable, Hashable, Sendable {
  let host: String
  let process: Int32
  let workers: Int
  let fewestNodes: Int
  let mostNodes: Int
  let maxRestarts: Int
  /// The address at which it reached the store; nil for the node that hosts it.
  var reached: String?

  /// Why two nodes cannot work together, with the names of both; nil when they can.
  func conflict(with other: NodeRecord, ranks: (Int, Int)) -> String? {
    let settings: [(String, String, String)] = [
      ("--nproc-per-node", "\(workers)", "\(other.workers)"),
      ("--nnodes", (fewestNodes...mostNodes).described, (other.fewestNodes...other.mostNodes).described),
      ("--max-restarts", "\(maxRestarts)", "\(other.maxRestarts)"),
    ]
    guard let (option, mine, others) = settings.first(where: { $0.1 != $0.2 }) else { return nil }
    return
      "\(option) is \(mine) on node \(ranks.0) (host \(host)) and \(others) on node \(ranks.1) (host \(other.host)); "
      + "all nodes need the same."
  }

  var described: String { "host \(host), process \(process)" }
}
