import Foundation

/// The agreement of a single node. Every attempt has a store of its own, so nothing of an earlier one remains.
final class SingleNode: Coordination {
  private let options: LaunchOptions
  private let stores: any StoreProvider
  private var store: (any KeyValueStore)?
  private var attempt = 0
  private var pending: [CoordinationNews] = []

  init(_ options: LaunchOptions, stores: any StoreProvider) {
    self.options = options
    self.stores = stores
  }

  var wakeDescriptor: Int32? { nil }

  func begin(attempt: Int) {
    self.attempt = attempt
    store = nil
    do {
      let socket = try listen()
      store = try stores.host(listening: socket.descriptor, port: socket.port)
      pending.append(
        .plan(
          AttemptPlan(
            attempt: attempt, nodeRank: 0, nodeCount: 1, masterAddress: options.endpoint?.host ?? "127.0.0.1",
            masterPort: socket.port)))
    } catch let error as LaunchError {
      pending.append(.lost(error))
    } catch {
      pending.append(.lost(LaunchError(.unavailable, "cannot host the store of the workers: \(error)")))
    }
  }

  private func listen() throws(LaunchError) -> ListeningSocket {
    guard let endpoint = options.endpoint else { return try .local() }
    // All workers are here; a name of this machine may be what other programs of the job connect to.
    let isLocal = ListeningSocket.isLoopback(endpoint.host)
    if let socket = try isLocal ? ListeningSocket.local(port: endpoint.port) : .everywhere(port: endpoint.port) {
      return socket
    }
    throw .portTaken(endpoint.port)
  }

  func news() -> [CoordinationNews] {
    defer { pending = [] }
    return pending
  }

  func tell(failure: WorkerFailure) {}
  func tell(signal: Int32) {}

  func conclude(_ report: NodeReport) {
    pending.append(.outcome(JobOutcome(reports: [report], attempt: attempt, maxRestarts: options.maxRestarts)))
  }

  func leave(because cause: String?, saying say: (Wording) -> Void) { store = nil }
}

extension LaunchError {
  static func portTaken(_ port: Int) -> LaunchError {
    LaunchError(
      .unavailable,
      "port \(port) is taken by \(PortOwner.describe(port: port)). Choose another with --master-port (or --rdzv-endpoint), "
        + "the same on all nodes; on one node leave it out, and a free port is chosen.")
  }
}
