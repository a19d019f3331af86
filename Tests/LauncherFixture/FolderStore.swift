import Foundation
import Launcher

/// A store in a folder, for several launchers on one machine, in place of one that is reached over the network.
///
/// It is there while its host lives and no longer, as the other is.
struct FolderStore: KeyValueStore {
  let folder: String
  let host: Int32

  struct Unreachable: Error, CustomStringConvertible {
    let description: String
  }

  private func reached<Result>(_ body: () throws -> Result) throws -> Result {
    guard kill(host, 0) == 0, FileManager.default.fileExists(atPath: folder) else {
      throw Unreachable(description: "connection reset by peer")
    }
    return try body()
  }

  /// Only for what reads and writes, and seldom happens: a launcher may be stopped while it holds the lock.
  private func locked<Result>(_ body: () throws -> Result) throws -> Result {
    try reached { try holdingLock(body) }
  }

  private func holdingLock<Result>(_ body: () throws -> Result) throws -> Result {
    let lock = open(folder + "/.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard lock >= 0 else { throw Unreachable(description: "the store's folder is gone") }
    defer { close(lock) }
    flock(lock, LOCK_EX)
    return try body()
  }

  private func path(_ key: String) -> String { folder + "/" + key.replacingOccurrences(of: "/", with: "%") }
  private func read(_ key: String) -> [UInt8]? { FileManager.default.contents(atPath: path(key)).map(Array.init) }
  private func write(_ key: String, _ value: [UInt8]) throws {
    try Data(value).write(to: URL(fileURLWithPath: path(key)), options: .atomic)
  }

  func set(_ key: String, to value: [UInt8]) throws { try reached { try write(key, value) } }

  func get(_ key: String, timeout: Duration) throws -> [UInt8] {
    let deadline = ContinuousClock.now + timeout
    while true {
      if let value = try reached({ read(key) }) { return value }
      guard ContinuousClock.now < deadline else { throw Unreachable(description: "timeout waiting for \(key)") }
      usleep(5000)
    }
  }

  func check(_ key: String) throws -> Bool { try reached { read(key) != nil } }

  func add(_ amount: Int, to key: String) throws -> Int {
    func number() -> Int { read(key).flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0 }
    if amount == 0 { return try reached(number) }
    return try locked {
      let sum = number() + amount
      try write(key, Array(String(sum).utf8))
      return sum
    }
  }

  func compareAndSet(_ key: String, expected: [UInt8], desired: [UInt8]) throws -> [UInt8] {
    try locked {
      let present = read(key)
      guard (present ?? []) == expected else { return present ?? [] }
      try write(key, desired)
      return desired
    }
  }
}

/// Makes such stores, in a folder for each port.
struct FolderStores: StoreProvider {
  let folder: String

  /// Keeps the port, and goes with the store.
  private final class Hosted: KeyValueStore {
    let store: FolderStore
    let listening: Int32
    init(_ store: FolderStore, listening: Int32) {
      self.store = store
      self.listening = listening
    }
    deinit {
      try? FileManager.default.removeItem(atPath: store.folder)
      close(listening)
    }
    func set(_ key: String, to value: [UInt8]) throws { try store.set(key, to: value) }
    func get(_ key: String, timeout: Duration) throws -> [UInt8] { try store.get(key, timeout: timeout) }
    func check(_ key: String) throws -> Bool { try store.check(key) }
    func add(_ amount: Int, to key: String) throws -> Int { try store.add(amount, to: key) }
    func compareAndSet(_ key: String, expected: [UInt8], desired: [UInt8]) throws -> [UInt8] {
      try store.compareAndSet(key, expected: expected, desired: desired)
    }
  }

  func host(listening: Int32, port: Int) throws -> any KeyValueStore {
    let path = "\(folder)/\(port)"
    try? FileManager.default.removeItem(atPath: path)
    try FileManager.default.createDirectory(atPath: path + ".new", withIntermediateDirectories: true)
    try Data(String(getpid()).utf8).write(to: URL(fileURLWithPath: path + ".new/.host"))
    try FileManager.default.moveItem(atPath: path + ".new", toPath: path)
    return Hosted(FolderStore(folder: path, host: getpid()), listening: listening)
  }

  func connect(to endpoint: Endpoint, timeout: Duration) throws -> any KeyValueStore {
    let path = "\(folder)/\(endpoint.port)"
    let deadline = ContinuousClock.now + timeout
    while true {
      if let data = FileManager.default.contents(atPath: path + "/.host"),
        let host = Int32(String(decoding: data, as: UTF8.self)), kill(host, 0) == 0
      {
        return FolderStore(folder: path, host: host)
      }
      guard ContinuousClock.now < deadline else {
        throw FolderStore.Unreachable(description: "connection refused")
      }
      usleep(20_000)
    }
  }
}
