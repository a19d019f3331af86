import Foundation
import Synchronization
import Torch
import Training

/// Runs a body as each of several ranks, a thread each in this process; they meet over Gloo on the loopback interface.
///
/// - Returns: what each rank returned, in order
func asRanks<Result: Sendable>(
  _ size: Int, shardsOptimizer: Bool = false, _ body: @escaping @Sendable (Ranks) throws -> Result
) throws -> [Result] {
  let (listening, port) = try freePort()
  let store = try Store.hosting(port: port, listening: listening)
  let results = Mutex([Int: Swift.Result<Result, any Error>]())
  let threads = (0..<size).map { rank in
    Thread {
      let result = Swift.Result { () throws -> Result in
        let group = try ProcessGroup(
          gloo: store.reconnected(), rank: rank, size: size, route: .address("127.0.0.1"), timeout: .seconds(60))
        return try body(Ranks(control: group, shardsOptimizer: shardsOptimizer))
      }
      results.withLock { $0[rank] = result }
    }
  }
  for thread in threads {
    // The default of a secondary thread is too small for LibTorch's backward pass through a deep graph.
    thread.stackSize = 8 << 20
    thread.start()
  }
  while results.withLock({ $0.count < size }) { usleep(1000) }
  return try results.withLock { results in try (0..<size).compactMap { try results[$0]?.get() } }
}

/// A listening socket on a port of the system's choice.
func freePort() throws -> (descriptor: Int32, port: Int) {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  let isListening = withUnsafeMutablePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      bind(descriptor, $0, length) == 0 && listen(descriptor, 64) == 0 && getsockname(descriptor, $0, &length) == 0
    }
  }
  guard isListening else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EADDRINUSE) }
  return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
}
