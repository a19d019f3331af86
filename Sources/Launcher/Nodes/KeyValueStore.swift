/// The store in which nodes and workers find each other: LibTorch's `TCPStore`, for a target that does not need LibTorch.
/// Calls come from one thread at a time. They throw when the host of the store does not answer.
public protocol KeyValueStore: Sendable {
  /// Writes a value.
  func set(_ key: String, to value: [UInt8]) throws
  /// The value, after waiting for it if necessary; throws when it does not come in time.
  func get(_ key: String, timeout: Duration) throws -> [UInt8]
  /// Whether the key has a value.
  func check(_ key: String) throws -> Bool
  /// Adds to a number that is 0 at first, and returns the sum.
  func add(_ amount: Int, to key: String) throws -> Int
  /// Writes `desired` where the key holds `expected`, or, with nothing expected, where it holds nothing; returns what it
  /// holds then.
  func compareAndSet(_ key: String, expected: [UInt8], desired: [UInt8]) throws -> [UInt8]
}

/// Makes stores.
public protocol StoreProvider: Sendable {
  /// Hosts a store on a socket that already listens, and takes the socket over. The store ends when it is released.
  func host(listening: Int32, port: Int) throws -> any KeyValueStore
  /// Connects to a store, and tries until the timeout.
  func connect(to endpoint: Endpoint, timeout: Duration) throws -> any KeyValueStore
}
