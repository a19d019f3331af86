import Foundation

/// The keys of a job in the store that its nodes share, as values with types. A broken connection is restored; when the
/// host of the store is gone, or silent for too long, calls throw a ``LaunchError``.
final class JobStore {
  private let stores: any StoreProvider
  private let endpoint: Endpoint
  private let patience: Duration
  private let mailbox: Mailbox
  private let prefix: String
  private var store: any KeyValueStore
  private let isHost: Bool
  private var lastAnswer = ContinuousClock.now

  init(
    _ store: any KeyValueStore, isHost: Bool, at endpoint: Endpoint, of runID: String, stores: any StoreProvider,
    patience: Duration, mailbox: Mailbox
  ) {
    self.store = store
    self.isHost = isHost
    self.endpoint = endpoint
    self.stores = stores
    self.patience = patience
    self.mailbox = mailbox
    prefix = "launch/\(runID)/"
  }

  func put(_ value: some Encodable, at key: String) throws(LaunchError) {
    let bytes = Self.encoded(value)
    try answered { try $0.set(prefix + key, to: bytes) }
  }

  func find<Value: Decodable>(_ key: String, as type: Value.Type = Value.self) throws(LaunchError) -> Value? {
    let bytes = try answered { store -> [UInt8]? in
      try store.check(prefix + key) ? store.get(prefix + key, timeout: .seconds(5)) : nil
    }
    return bytes.flatMap { try? JSONDecoder().decode(Value.self, from: Data($0)) }
  }

  func has(_ key: String) throws(LaunchError) -> Bool { try answered { try $0.check(prefix + key) } }

  /// Writes if the key has no value yet; returns the value that it then has.
  func claim<Value: Codable>(_ value: Value, at key: String) throws(LaunchError) -> Value {
    let bytes = Self.encoded(value)
    let present = try answered { try $0.compareAndSet(prefix + key, expected: [], desired: bytes) }
    return (try? JSONDecoder().decode(Value.self, from: Data(present))) ?? value
  }

  /// The next number of a series, from 1.
  func next(_ key: String) throws(LaunchError) -> Int { try answered { try $0.add(1, to: prefix + key) } }

  /// How many numbers of a series have been given out.
  func count(_ key: String) throws(LaunchError) -> Int { try answered { try $0.add(0, to: prefix + key) } }

  private static func encoded(_ value: some Encodable) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    // Only plain types of this target are written, which can all be encoded.
    return (try? encoder.encode(value)).map(Array.init) ?? []
  }

  private func answered<Result>(_ call: (any KeyValueStore) throws -> Result) throws(LaunchError) -> Result {
    while true {
      do {
        let result = try call(store)
        lastAnswer = .now
        mailbox.answered()
        return result
      } catch {
        try reconnect(after: "\(error)")
      }
    }
  }

  private func reconnect(after failure: String) throws(LaunchError) {
    if isHost {
      throw LaunchError(.unavailable, "the store of this node, at port \(endpoint.port), failed: \(failure)")
    }
    var wait = WaitClock()
    while ContinuousClock.now - lastAnswer < patience {
      if let seconds = wait.due() {
        let limit = patience.milliseconds / 1000
        mailbox.post(
          .message(
            Wording(
              en: "waiting for an answer of node 0 at \(endpoint), \(seconds) s so far; given up after \(limit) s",
              zh: "等待节点 0（\(endpoint)）的回答，已 \(seconds) 秒；\(limit) 秒后放弃")))
      }
      switch Reachability.probe(endpoint) {
      case .refused:
        // The port closes with the process that hosts the store, and its contents are lost.
        throw .storeLost(endpoint, "its launcher has ended")
      case .silent: usleep(200_000)
      case .reached:
        if let made = try? stores.connect(to: endpoint, timeout: .seconds(2)) {
          store = made
          return
        }
        usleep(200_000)
      }
    }
    throw .storeLost(endpoint, "no answer for \(patience.milliseconds / 1000) s")
  }
}

extension LaunchError {
  static func storeLost(_ endpoint: Endpoint, _ reason: String) -> LaunchError {
    LaunchError(
      .unavailable,
      "lost node 0, whose launcher hosts the job's store at \(endpoint): \(reason). Look at that machine, and at the "
        + "network.")
  }
}
