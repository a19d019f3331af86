import Foundation

/// By which addresses hosts reach each other.
package enum NetworkRoute {
  /// The address of this host from which packets to another one leave; nil where there is no route.
  package static func localAddress(towards host: String, port: Int) -> String? {
    for address in (try? addresses(of: host, port: port, type: SOCK_DGRAM)) ?? [] {
      let descriptor = socket(address.family, Int32(SOCK_DGRAM.rawValue), 0)
      guard descriptor >= 0 else { continue }
      defer { close(descriptor) }
      // Connecting a datagram socket sends nothing; it only finds the route.
      guard address.withPointer({ connect(descriptor, $0, $1) }) == 0 else { continue }
      if let own = SocketAddress.local(of: descriptor) { return own.numericHost }
    }
    return nil
  }

  /// Whether an address is a loopback address.
  package static func isLoopback(_ address: String) -> Bool { address.hasPrefix("127.") || address == "::1" }

  /// An address of the host at which something listens, tried in all address families.
  ///
  /// - Parameters:
  ///   - seconds: how long to try
  ///   - attempt: told the outcome of every attempt
  /// - Throws: `CollectiveError.unknownHost`, `CollectiveError.unreachable`
  package static func listeningAddress(
    of host: String, port: Int, seconds: Int, attempt: (String) -> Void
  ) throws(CollectiveError) -> String {
    let clock = SuspendingClock()
    let deadline = clock.now + .seconds(seconds)
    var outcomes: [String] = []
    while true {
      outcomes = []
      do {
        for address in try addresses(of: host, port: port, type: SOCK_STREAM) {
          let failure = knock(at: address)
          outcomes.append("\(address.numericHost): \(failure ?? "connected")")
          attempt(outcomes[outcomes.count - 1])
          if failure == nil { return address.numericHost }
        }
      } catch {
        // In Kubernetes the name may appear only together with the pod.
        guard case .unknownHost(let name, let reason, _) = error else { throw error }
        if clock.now >= deadline { throw .unknownHost(name, reason: reason, seconds: seconds) }
        attempt("the name \(name) has no address: \(reason)")
      }
      guard clock.now < deadline else {
        throw .unreachable(host: host, port: port, attempts: outcomes, seconds: seconds)
      }
      usleep(200_000)
    }
  }

  /// Connects and hangs up.
  ///
  /// - Returns: why it failed, or nil
  private static func knock(at address: SocketAddress) -> String? {
    let descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return String(cString: strerror(errno)) }
    defer { close(descriptor) }
    let flags = fcntl(descriptor, F_GETFL)
    _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
    if address.withPointer({ connect(descriptor, $0, $1) }) == 0 { return nil }
    guard errno == EINPROGRESS else { return String(cString: strerror(errno)) }
    var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    guard poll(&waiting, 1, 3000) > 0 else { return "no answer within 3 s" }
    var code: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
    return code == 0 ? nil : String(cString: strerror(code))
  }

  private static func addresses(
    of host: String, port: Int, type: __socket_type
  ) throws(CollectiveError) -> [SocketAddress] {
    var hints = addrinfo()
    hints.ai_socktype = Int32(type.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, String(port), &hints, &list)
    guard status == 0 else { throw .unknownHost(host, reason: String(cString: gai_strerror(status)), seconds: 0) }
    defer { freeaddrinfo(list) }
    var found: [SocketAddress] = []
    var entry = list
    while let current = entry?.pointee {
      if let address = current.ai_addr { found.append(SocketAddress(address, length: current.ai_addrlen)) }
      entry = current.ai_next
    }
    return found
  }
}

/// An address of a socket, of any family.
struct SocketAddress {
  private var storage = sockaddr_storage()
  private var length: socklen_t

  init(_ address: UnsafePointer<sockaddr>, length: socklen_t) {
    self.length = min(length, socklen_t(MemoryLayout<sockaddr_storage>.size))
    withUnsafeMutableBytes(of: &storage) {
      $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(self.length)))
    }
  }

  /// Where a socket is bound.
  static func local(of descriptor: Int32) -> SocketAddress? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        getsockname(descriptor, $0, &length) == 0 ? SocketAddress($0, length: length) : nil
      }
    }
  }

  var family: Int32 { Int32(storage.ss_family) }

  func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    withUnsafePointer(to: storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
    }
  }

  /// The address in digits.
  var numericHost: String {
    var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    let status = withPointer { getnameinfo($0, $1, &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST) }
    guard status == 0 else { return "?" }
    return String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
