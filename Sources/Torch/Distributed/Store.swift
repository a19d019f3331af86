import CTorch
import Foundation

/// A key-value store that one process hosts and others reach over the network: LibTorch's `TCPStore`, through which
/// processes find each other before they communicate.
///
/// Calls may come from any thread. Each waits for the call before it on the same connection, so a thread that waits long
/// should open a separate connection with `reconnected()`.
public final class Store: @unchecked Sendable {  // LibTorch guards a connection with a lock.
  private let handle: ctorch_store

  private init(owning handle: ctorch_store) { self.handle = handle }

  deinit { ctorch_store_free(handle) }

  /// Hosts a store.
  ///
  /// - Parameters:
  ///   - port: listens on this port, at every address of this machine
  ///   - listening: a socket that already listens on that port; the store takes ownership
  ///   - timeout: how long calls wait if they have no timeout of their own
  /// - Throws: `TorchError` when the port is taken.
  public static func hosting(
    port: Int, listening: Int32? = nil, timeout: Duration = .seconds(300)
  ) throws(TorchError) -> Store {
    Store(
      owning: try newHandle("Store.hosting") {
        ctorch_store_tcp(
          "localhost", UInt16(clamping: port), true, listening ?? -1, timeout.milliseconds, &$0, &$1)
      })
  }

  /// Connects to a store.
  ///
  /// - Parameter timeout: how long to try, and how long calls wait if they have no timeout of their own
  /// - Throws: `TorchError` when the host does not answer.
  public static func connecting(
    to host: String, port: Int, timeout: Duration = .seconds(300)
  ) throws(TorchError) -> Store {
    Store(
      owning: try newHandle("Store.connecting") {
        ctorch_store_tcp(host, UInt16(clamping: port), false, -1, timeout.milliseconds, &$0, &$1)
      })
  }

  /// The part of this store whose keys begin with `prefix/`.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func prefixed(_ prefix: String) throws(TorchError) -> Store {
    try withExtendedLifetime(self) { () throws(TorchError) in
      Store(owning: try newHandle("Store.prefixed") { ctorch_store_prefixed(handle, prefix, &$0, &$1) })
    }
  }

  /// The same store over a separate connection.
  ///
  /// - Throws: `TorchError` when the host does not answer any more.
  public func reconnected() throws(TorchError) -> Store {
    try withExtendedLifetime(self) { () throws(TorchError) in
      Store(owning: try newHandle("Store.reconnected") { ctorch_store_clone(handle, &$0, &$1) })
    }
  }

  /// Writes a value.
  ///
  /// - Throws: `TorchError` of kind `communication` when the host is gone.
  public func set(_ key: String, to value: [UInt8]) throws(TorchError) {
    try calling("set") { ctorch_store_set(handle, key, value, value.count, &$0) }
  }

  /// Waits until a key has a value and returns it.
  ///
  /// - Throws: `TorchError` of kind `timeout` when it is not written in time, `communication` when the host is gone.
  public func get(_ key: String, timeout: Duration) throws(TorchError) -> [UInt8] {
    try receiving("get") { ctorch_store_get(handle, key, timeout.milliseconds, &$0, &$1, &$2) }
  }

  /// The value of a key, or nil if there is none now.
  ///
  /// - Throws: `TorchError` of kind `communication` when the host is gone.
  public func find(_ key: String) throws(TorchError) -> [UInt8]? {
    guard try exists(key) else { return nil }
    return try get(key, timeout: .seconds(10))
  }

  /// Waits until several keys have values and returns them, in one exchange with the host.
  ///
  /// - Throws: `TorchError` of kind `timeout` or `communication`.
  public func get(all keys: [String]) throws(TorchError) -> [[UInt8]] {
    var bytes: UnsafeMutableRawPointer?
    var lengths = [Int](repeating: 0, count: keys.count)
    let texts = keys.map { strdup($0) }
    defer { for text in texts { free(text) } }
    let pointers = texts.map { UnsafePointer($0) }
    try calling("get") { ctorch_store_get_all(handle, pointers, keys.count, &bytes, &lengths, &$0) }
    defer { ctorch_free_bytes(bytes) }
    var values: [[UInt8]] = []
    var start = 0
    for length in lengths {
      values.append(
        Array(
          UnsafeRawBufferPointer(
            rebasing: UnsafeRawBufferPointer(
              start: bytes, count: start + length)[start...])))
      start += length
    }
    return values
  }

  /// Whether a key has a value.
  ///
  /// - Throws: `TorchError` of kind `communication` when the host is gone.
  public func exists(_ key: String) throws(TorchError) -> Bool {
    var exists = false
    try calling("exists") { ctorch_store_check(handle, key, &exists, &$0) }
    return exists
  }

  /// Adds to an integer, which is initially 0.
  ///
  /// - Returns: the sum
  /// - Throws: `TorchError` of kind `communication` when the host is gone.
  @discardableResult
  public func add(_ amount: Int, to key: String) throws(TorchError) -> Int {
    var sum: Int64 = 0
    try calling("add") { ctorch_store_add(handle, key, Int64(amount), &sum, &$0) }
    return Int(sum)
  }

  /// Writes `desired` if the key holds `expected` or, if `expected` is empty, if the key does not exist.
  ///
  /// - Returns: the value of the key afterwards
  /// - Throws: `TorchError` of kind `communication` when the host is gone.
  public func compareAndSet(_ key: String, expected: [UInt8], desired: [UInt8]) throws(TorchError) -> [UInt8] {
    try receiving("compareAndSet") {
      ctorch_store_compare_set(
        handle, key, expected, expected.count, desired, desired.count, &$0, &$1, &$2)
    }
  }

  func withHandle<Result>(_ body: (ctorch_store) throws(TorchError) -> Result) throws(TorchError) -> Result {
    try withExtendedLifetime(self) { () throws(TorchError) in try body(handle) }
  }

  private func calling(
    _ name: String, _ call: (inout UnsafeMutablePointer<CChar>?) -> ctorch_status
  ) throws(TorchError) {
    try withExtendedLifetime(self) { () throws(TorchError) in try checked("Store.\(name)", call) }
  }

  private func receiving(
    _ name: String,
    _ call: (inout UnsafeMutableRawPointer?, inout Int, inout UnsafeMutablePointer<CChar>?) -> ctorch_status
  ) throws(TorchError) -> [UInt8] {
    var bytes: UnsafeMutableRawPointer?
    var count = 0
    try calling(name) { call(&bytes, &count, &$0) }
    defer { ctorch_free_bytes(bytes) }
    return Array(UnsafeRawBufferPointer(start: bytes, count: count))
  }
}

extension Duration {
  /// Whole milliseconds, at least 1: LibTorch takes 0 as no timeout.
  var milliseconds: Int64 {
    let (seconds, attoseconds) = components
    return max(1, seconds * 1000 + attoseconds / 1_000_000_000_000_000)
  }
}
