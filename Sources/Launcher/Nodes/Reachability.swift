import Foundation

/// Whether and how hosts can be reached, with plain sockets.
enum Reachability {
  /// How an attempt to connect ended.
  enum Answer {
    /// At this numeric address.
    case reached(String)
    /// The host answers, but no process listens.
    case refused
    /// No answer came, for this reason.
    case silent(String)
  }

  /// Tries to connect to a port, at each address of the host in turn.
  static func probe(_ endpoint: Endpoint, timeout: Duration = .seconds(2)) -> Answer {
    let (addresses, failure) = resolve(endpoint.host, port: endpoint.port)
    if let failure { return .silent(failure) }
    var last = Answer.silent("the name has no address")
    for address in addresses {
      switch connect(address, timeout) {
      case 0: return .reached(address.number)
      case ECONNREFUSED: last = .refused
      case let reason: if case .silent = last { last = .silent(String(cString: strerror(reason))) }
      }
    }
    return last
  }

  /// Whether a name or address is one of this machine's own.
  static func isOwn(_ host: String) -> Bool {
    if host == "localhost" || host == HostName.current { return true }
    let own = ownAddresses()
    return resolve(host, port: 0).addresses.contains { $0.isLoopback || own.contains($0.number) }
  }

  /// Whether a name resolves to loopback addresses only.
  static func isLoopback(_ host: String) -> Bool {
    let addresses = resolve(host, port: 0).addresses
    return !addresses.isEmpty && addresses.allSatisfy(\.isLoopback)
  }

  private struct Address {
    let family: Int32
    let bytes: [UInt8]
    let number: String

    var isLoopback: Bool { number.hasPrefix("127.") || number == "::1" }
  }

  private static func resolve(_ host: String, port: Int) -> (addresses: [Address], failure: String?) {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, String(port), &hints, &list)
    guard code == 0 else { return ([], "\(host): \(String(cString: gai_strerror(code)))") }
    defer { freeaddrinfo(list) }
    var addresses: [Address] = []
    var next = list
    while let entry = next {
      next = entry.pointee.ai_next
      guard let address = entry.pointee.ai_addr, let number = text(address, entry.pointee.ai_addrlen) else { continue }
      let bytes = Array(UnsafeRawBufferPointer(start: address, count: Int(entry.pointee.ai_addrlen)))
      addresses.append(Address(family: entry.pointee.ai_family, bytes: bytes, number: number))
    }
    return (addresses, nil)
  }

  private static func text(_ address: UnsafePointer<sockaddr>, _ size: socklen_t) -> String? {
    var host = [CChar](repeating: 0, count: 256)
    guard getnameinfo(address, size, &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST) == 0 else { return nil }
    return String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func ownAddresses() -> Set<String> {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { return [] }
    defer { freeifaddrs(list) }
    var addresses: Set<String> = []
    var next = list
    while let entry = next {
      next = entry.pointee.ifa_next
      guard let address = entry.pointee.ifa_addr else { continue }
      let size: Int
      switch Int32(address.pointee.sa_family) {
      case AF_INET: size = MemoryLayout<sockaddr_in>.size
      case AF_INET6: size = MemoryLayout<sockaddr_in6>.size
      default: continue
      }
      if let number = text(address, socklen_t(size)) { addresses.insert(number) }
    }
    return addresses
  }

  /// 0, or why not.
  private static func connect(_ address: Address, _ timeout: Duration) -> Int32 {
    let descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return errno }
    defer { close(descriptor) }
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    let result = address.bytes.withUnsafeBytes { bytes in
      Foundation.connect(
        descriptor, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
    }
    if result == 0 { return 0 }
    guard errno == EINPROGRESS else { return errno }
    var state = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    guard poll(&state, 1, Int32(clamping: timeout.milliseconds)) == 1 else { return ETIMEDOUT }
    var reason: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &reason, &size)
    return reason
  }
}
