extension LaunchOptions {
  /// Reads the arguments of `launch`; nil when they ask for help.
  ///
  /// - Parameters:
  ///   - arguments: everything after `launch`
  ///   - environment: where `PET_<NAME>` holds defaults
  ///   - cores: cores that this process may use
  ///   - devices: counts the visible GPUs; called only when asked for
  /// - Throws: ``LaunchError``, with the code for a wrong command line
  public static func parse(
    _ arguments: [String], environment: [String: String], cores: Int = AvailableCores.count(),
    devices: () -> Int
  ) throws(LaunchError) -> LaunchOptions? {
    let given = try LaunchArguments(arguments)
    if given.asksForHelp { return nil }
    let reader = OptionReader(arguments: given, environment: environment)
    var options = LaunchOptions()
    options.startsAnyProgram = try given.flag("no-python", environment)
    options.worker = given.worker
    options.workersPerNode = try reader.workers(cores: cores, devices: devices)
    options.nodes = try reader.nodes()
    options.maxRestarts = try reader.number("max-restarts", 0...) ?? 0
    options.monitorInterval = try reader.seconds("monitor-interval") ?? 0.1
    options.shutdownTimeout = try reader.shutdownTimeout()
    options.signals = try reader.signals()
    options.role = reader.text("role") ?? "default"
    options.logFolder = reader.text("log-dir")
    options.redirects = try reader.streams("redirects")
    options.tee = try reader.streams("tee")
    options.shownLocalRanks = try reader.shownLocalRanks()
    options.localAddress = reader.text("local-addr")
    options.language = try reader.language()
    try options.readRendezvous(reader)
    guard !options.worker.isEmpty else {
      throw .usage(
        "launch needs a command to start, after its own options: launch --nproc-per-node \(options.workersPerNode) "
          + "train …")
    }
    return options
  }

  /// Where and how the nodes meet. As with torchrun, one node without an endpoint or a port takes a free port, so
  /// that several jobs can run side by side.
  private mutating func readRendezvous(_ reader: OptionReader) throws(LaunchError) {
    let isStandalone = try reader.arguments.flag("standalone", reader.environment)
    if isStandalone {
      guard nodes == 1...1 else { throw .usage("--standalone is for one node; --nnodes says \(nodes.described).") }
      return
    }
    backend = try reader.backend()
    runID = reader.text("rdzv-id")
    nodeRank = try reader.number("node-rank", 0...) ?? 0
    let port = try reader.number("master-port", 0...65535)
    let address = reader.text("master-addr")
    if let (text, origin) = reader.value("rdzv-endpoint") {
      guard let found = Endpoint(text) else {
        throw .usage("\(origin) is \"\(text)\"; expected host:port, the port from 0 (any free one) to 65535.")
      }
      endpoint = found
    } else if backend == .static, port != nil || nodes.upperBound > 1 {
      endpoint = Endpoint(host: address ?? "127.0.0.1", port: port ?? 29500)
    }
    if endpoint?.port == 0 {
      // A single node picks a free port; several must all know it before they meet.
      guard nodes.upperBound == 1 else {
        let (text, origin) = reader.value("rdzv-endpoint") ?? reader.value("master-port") ?? ("0", "the port")
        throw .usage(
          "\(origin) \(text): port 0 means any free port, which only one node can pick for itself. Name a port that is "
            + "free on node 0, the same on all nodes.")
      }
      endpoint = nil
    }
    if nodes.upperBound > 1 {
      try checkNodes(address: address, reader)
      runID = runID ?? "none"
    }
    try readConfiguration(reader)
  }

  private func checkNodes(address: String?, _ reader: OptionReader) throws(LaunchError) {
    guard endpoint != nil else {
      throw .usage("--rdzv-backend c10d with several nodes needs --rdzv-endpoint host:port.")
    }
    guard backend == .static else { return }
    guard nodes.lowerBound == nodes.upperBound else {
      throw .usage(
        "--nnodes \(nodes.described): a range needs --rdzv-backend c10d; the static back end must know the number of nodes in advance."
      )
    }
    guard nodeRank < nodes.upperBound else {
      throw .usage("--node-rank is \(nodeRank), but there are \(nodes.upperBound) nodes, numbered from 0.")
    }
    if address == nil, reader.value("rdzv-endpoint") == nil, nodeRank > 0 {
      throw .usage("--master-addr is needed on all nodes: the name or address of node 0.")
    }
  }

  private mutating func readConfiguration(_ reader: OptionReader) throws(LaunchError) {
    let settings = try reader.configuration()
    joinTimeout = settings["join_timeout"] ?? settings["timeout"] ?? (backend == .static ? 900 : 600)
    lastCallTimeout = settings["last_call_timeout"] ?? lastCallTimeout
    isHost = settings["is_host"].map { $0 != 0 }
    patience = (settings["keep_alive_interval"] ?? 5) * (settings["keep_alive_max_attempt"] ?? 3)
  }
}

extension ClosedRange<Int> {
  /// `2` or `1:4`.
  var described: String { lowerBound == upperBound ? "\(lowerBound)" : "\(lowerBound):\(upperBound)" }
}
