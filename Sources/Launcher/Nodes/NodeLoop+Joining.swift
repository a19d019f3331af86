import Foundation

extension NodeLoop {
  /// Hosts the store or connects to it, and tells the others about this node.
  func join() throws(LaunchError) -> JobStore {
    guard let endpoint = options.endpoint else { throw .usage("several nodes need an endpoint where they meet.") }
    let runID = options.runID ?? "none"
    func jobStore(_ store: any KeyValueStore, isHost: Bool) -> JobStore {
      JobStore(
        store, isHost: isHost, at: endpoint, of: runID, stores: stores, patience: patience, mailbox: mailbox)
    }
    let me = NodeRecord(
      host: host, process: getpid(), workers: options.workersPerNode, fewestNodes: options.nodes.lowerBound,
      mostNodes: options.nodes.upperBound, maxRestarts: options.maxRestarts)
    let hosted = try reportingNameLookup { () throws(LaunchError) in try hostedStore(endpoint) }
    if let hosted {
      let store = jobStore(hosted, isHost: true)
      index = 0
      records[0] = me
      try store.put(me, at: "node/0")
      return store
    }
    let (connected, address) = try connectedStore(endpoint)
    let store = jobStore(connected, isHost: false)
    try checkJob(store, endpoint, runID)
    try register(me, reached: address, store, runID)
    return store
  }

  /// The store when it is this node's to host it, else nil: with the static back end node 0 does, with c10d the first
  /// launcher on the machine whose address the endpoint is.
  private func hostedStore(_ endpoint: Endpoint) throws(LaunchError) -> (any KeyValueStore)? {
    let isTold = options.backend == .static ? options.nodeRank == 0 : options.isHost
    guard isTold ?? Reachability.isOwn(endpoint.host) else { return nil }
    guard let socket = try ListeningSocket.everywhere(port: endpoint.port) else {
      // Perhaps another launcher of this job on this machine.
      if isTold == nil { return nil }
      throw .portTaken(endpoint.port)
    }
    do {
      return try stores.host(listening: socket.descriptor, port: socket.port)
    } catch {
      throw LaunchError(.unavailable, "cannot host the job's store at port \(endpoint.port): \(error)")
    }
  }

  private func connectedStore(_ endpoint: Endpoint) throws(LaunchError) -> (any KeyValueStore, address: String) {
    let deadline = began + .seconds(options.joinTimeout)
    var reason = Wording("")
    while ContinuousClock.now < deadline {
      switch reportingNameLookup({ Reachability.probe(endpoint) }) {
      case .reached(let address):
        mailbox.connects(true)
        do {
          return (try stores.connect(to: endpoint, timeout: ManyNodes.patienceForStore), address)
        } catch {
          mailbox.connects(false)
          // Another program has the port on this machine.
          if Reachability.isOwn(endpoint.host) { throw .portTaken(endpoint.port) }
          reason = Wording("\(error)")
        }
      case .refused: reason = Wording(en: "no process listens there yet", zh: "那里还没有进程监听")
      case .silent(let why): reason = Wording(why)
      }
      if let seconds = wait.due() {
        let limit = Int(options.joinTimeout)
        mailbox.post(
          .message(
            Wording(
              en: "waiting for node 0 at \(endpoint) (\(reason.en)), \(seconds) s so far; it has \(limit) s",
              zh: "等待节点 0（\(endpoint)：\(reason.zh)），已 \(seconds) 秒，限 \(limit) 秒")))
      }
      if hasToLeave { break }
      usleep(200_000)
    }
    throw LaunchError(
      .unavailable,
      "node 0 could not be reached at \(endpoint) within \(Int(options.joinTimeout)) s: \(reason.en). Check that its launcher "
        + "runs, and that the firewall lets the port through.")
  }

  /// A name server that does not answer holds a call up for many seconds.
  private func reportingNameLookup<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let host = options.endpoint?.host ?? ""
    return try LongWait.reported(
      { [mailbox] seconds in
        mailbox.post(
          .message(
            Wording(
              en: "waiting for the address of \(host), \(seconds) s so far", zh: "等待 \(host) 的地址，已 \(seconds) 秒")))
      }, during: body)
  }

  private var hasToLeave: Bool {
    let requests = mailbox.takeRequests()
    for request in requests { mailbox.ask(request) }
    for case .leave in requests { return true }
    return false
  }

  /// What listens there must be the store of this very job.
  private func checkJob(_ store: JobStore, _ endpoint: Endpoint, _ runID: String) throws(LaunchError) {
    let deadline = ContinuousClock.now + .seconds(5)
    while try !store.has("node/0") {
      guard ContinuousClock.now < deadline else {
        let owner = Reachability.isOwn(endpoint.host) ? " (\(PortOwner.describe(port: endpoint.port)))" : ""
        throw LaunchError(
          .unavailable,
          "what listens at \(endpoint)\(owner) is not the launcher of this job: it does not know --rdzv-id \(runID). All "
            + "nodes need the same --rdzv-id; two jobs need different ports.")
      }
      usleep(100_000)
    }
  }

  private func register(_ me: NodeRecord, reached address: String, _ store: JobStore, _ runID: String)
    throws(LaunchError)
  {
    var me = me
    me.reached = address
    if options.backend == .c10d {
      if let plan: [Int] = try store.find("plan/0") { throw .tooLate(runID, nodes: plan.count) }
      index = try store.next("arrivals")
      try store.put(me, at: "node/\(index)")
      return
    }
    index = options.nodeRank
    let present = try store.claim(me, at: "node/\(index)")
    guard present == me else {
      throw .usage(
        "node rank \(index) is taken by another launcher (\(present.described)). Every node needs its own --node-rank.")
    }
  }
}
