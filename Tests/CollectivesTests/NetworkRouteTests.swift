import Collectives
import Foundation
import Launcher
import Synchronization
import Testing

@Suite("Ways to other hosts")
struct NetworkRouteTests {
  @Test("To this machine the way leads over the loopback interface")
  func local() {
    #expect(NetworkRoute.localAddress(towards: "127.0.0.1", port: 29500) == "127.0.0.1")
    #expect(NetworkRoute.localAddress(towards: "no-such-host.invalid", port: 29500) == nil)
    for address in ["127.0.0.1", "127.0.1.1", "::1"] { #expect(NetworkRoute.isLoopback(address)) }
    for address in ["10.0.0.1", "192.168.127.1", "fe80::1"] { #expect(!NetworkRoute.isLoopback(address)) }
  }

  @Test("The address is that at which something listens, in whatever address family")
  func listening() throws {
    let socket = try ListeningSocket.local()
    defer { close(socket.descriptor) }
    // The name may have an address of each family; only one of them listens.
    let found = try NetworkRoute.listeningAddress(of: "localhost", port: socket.port, seconds: 5) { _ in }
    #expect(NetworkRoute.isLoopback(found))
  }

  @Test("Something that listens a little later is waited for")
  func later() throws {
    let socket = try ListeningSocket.local()
    close(socket.descriptor)
    Thread.detachNewThread {
      usleep(700_000)
      let late = try? ListeningSocket.everywhere(port: socket.port)
      usleep(5_000_000)
      if let late { close(late.descriptor) }
    }
    let attempts = Mutex(0)
    let found = try NetworkRoute.listeningAddress(of: "127.0.0.1", port: socket.port, seconds: 5) { _ in
      attempts.withLock { $0 += 1 }
    }
    #expect(found == "127.0.0.1")
    let count = attempts.withLock { $0 }
    #expect(count > 1)
  }

  @Test("No listener: the error has every address that was tried, and the outcome")
  func unreachable() throws {
    let socket = try ListeningSocket.local()
    close(socket.descriptor)
    let error = #expect(throws: CollectiveError.self) {
      try NetworkRoute.listeningAddress(of: "127.0.0.1", port: socket.port, seconds: 0) { _ in }
    }
    #expect(
      error
        == .unreachable(
          host: "127.0.0.1", port: socket.port, attempts: ["127.0.0.1: Connection refused"], seconds: 0))
  }

  @Test("A name without an address: the error says so")
  func unknown() throws {
    let error = #expect(throws: CollectiveError.self) {
      try NetworkRoute.listeningAddress(of: "no-such-host.invalid", port: 29500, seconds: 0) { _ in }
    }
    guard case .unknownHost("no-such-host.invalid", _, 0)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }
}
