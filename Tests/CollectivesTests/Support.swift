import Collectives
import Foundation
import Launcher
import Logging
import Synchronization
import Torch

import struct Collectives.Member

/// A store that the test hosts, as a launcher does.
func hostedStore() throws -> (store: Store, port: Int) {
  // Stores that go away are what some of the tests are about.
  Runtime.quietLog()
  let socket = try ListeningSocket.local()
  return (try Store.hosting(port: socket.port, listening: socket.descriptor), socket.port)
}

/// A place in a job whose starter hosts the store.
func place(rank: Int, of size: Int, port: Int? = nil, restart: Int = 0) -> WorkerEnvironment {
  WorkerEnvironment(
    rank: rank, localRank: rank, worldSize: size, localWorldSize: size, masterAddress: port.map { _ in "127.0.0.1" },
    masterPort: port, restartCount: restart, runID: "test", launcherProcess: nil)
}

/// Reports of waits, by a process that shares its console with no other.
func waits(_ log: Log) -> WaitReports { WaitReports(log.logger, turn: turn()) }

/// The turn of a process that shares its console with no other.
func turn() -> ConsoleTurn {
  var alone = place(rank: 0, of: 2)
  alone.jobIdentity = UUID().uuidString
  return ConsoleTurn(alone)
}

/// What a rank tells of itself, as another process each time.
func member(_ rank: Int) -> Member {
  Member.current(place(rank: rank, of: 8), device: "cpu", threads: 1, program: "test", address: "127.0.0.1")
}

/// Runs a body for each rank, a thread each.
///
/// - Parameter delays: milliseconds after which each begins
/// - Returns: what each returned or threw, in order
func asRanks<Value: Sendable>(
  _ size: Int, delays: [Int] = [], _ body: @escaping @Sendable (Int) throws -> Value
) async -> [Result<Value, any Error>] {
  let results = Mutex([Int: Result<Value, any Error>]())
  for rank in 0..<size {
    let thread = Thread {
      if rank < delays.count { usleep(UInt32(delays[rank] * 1000)) }
      let result = Result { try body(rank) }
      results.withLock { $0[rank] = result }
    }
    thread.stackSize = 8 << 20
    thread.start()
  }
  while results.withLock({ $0.count < size }) { try? await Task.sleep(for: .milliseconds(2)) }
  return results.withLock { results in (0..<size).compactMap { results[$0] } }
}

/// Keeps what is logged.
final class Log: Sendable {
  private let lines = Mutex<[String]>([])

  var text: String { lines.withLock { $0.joined(separator: "\n") } }

  var logger: Logger {
    Logger(label: "test") { _ in Handler(log: self) }
  }

  private struct Handler: LogHandler {
    let log: Log
    var logLevel = Logger.Level.debug
    var metadata: Logger.Metadata = [:]

    init(log: Log) { self.log = log }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      log.lines.withLock { $0.append("\(event.level): \(event.message)") }
    }
  }
}
