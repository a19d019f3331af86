import Foundation

/// A TCP port that is bound and listening before its number is passed on, so that no other process can take it.
package struct ListeningSocket {
  package let descriptor: Int32
  package let port: Int

  /// A free port that only this machine can reach.
  package static func local() throws(LaunchError) -> ListeningSocket {
    if let socket = open(AF_INET, port: 0, onlyLocal: true) ?? open(AF_INET6, port: 0, onlyLocal: true) {
      return socket
    }
    throw LaunchError(.unavailable, "no free port on this machine: \(String(cString: strerror(errno))).")
  }

  /// A given port that only this machine can reach; nil when it is taken.
  package static func local(port: Int) throws(LaunchError) -> ListeningSocket? {
    if let socket = open(AF_INET, port: port, onlyLocal: true) { return socket }
    if errno == EADDRINUSE { return nil }
    return try everywhere(port: port)
  }

  /// Whether a name is this machine's own address that no other can reach, without asking a name server.
  package static func isLoopback(_ host: String) -> Bool {
    host == "localhost" || (host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." })
  }

  /// A given port at every address of this machine; nil when it is taken.
  package static func everywhere(port: Int) throws(LaunchError) -> ListeningSocket? {
    // One socket for both families where the machine has both.
    if let socket = open(AF_INET6, port: port, onlyLocal: false) { return socket }
    if errno == EADDRINUSE { return nil }
    if let socket = open(AF_INET, port: port, onlyLocal: false) { return socket }
    if errno == EADDRINUSE { return nil }
    let hint = errno == EACCES ? " Ports below 1024 are reserved." : ""
    throw LaunchError(.unavailable, "cannot listen on port \(port): \(String(cString: strerror(errno))).\(hint)")
  }

  private static func open(_ family: Int32, port: Int, onlyLocal: Bool) -> ListeningSocket? {
    let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    var on: Int32 = 1
    var off: Int32 = 0
    let size = socklen_t(MemoryLayout<Int32>.size)
    // Connections of the previous attempt may still be closing.
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, size)
    let isBound: Bool
    if family == AF_INET6 {
      setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &off, size)
      var address = sockaddr_in6()
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_port = in_port_t(port).bigEndian
      address.sin6_addr = onlyLocal ? in6addr_loopback : in6addr_any
      isBound = bound(descriptor, &address)
    } else {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = in_port_t(port).bigEndian
      address.sin_addr.s_addr = (onlyLocal ? INADDR_LOOPBACK : in_addr_t(0)).bigEndian
      isBound = bound(descriptor, &address)
    }
    guard isBound, listen(descriptor, 2048) == 0, let number = self.port(of: descriptor) else {
      let reason = errno
      close(descriptor)
      errno = reason
      return nil
    }
    return ListeningSocket(descriptor: descriptor, port: number)
  }

  private static func bound<Address>(_ descriptor: Int32, _ address: inout Address) -> Bool {
    let size = socklen_t(MemoryLayout<Address>.size)
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) == 0 }
    }
  }

  private static func port(of descriptor: Int32) -> Int? {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &storage) { pointer in
      guard pointer.withMemoryRebound(to: sockaddr.self, capacity: 1, { getsockname(descriptor, $0, &size) == 0 })
      else {
        return nil
      }
      // Both families have the port in the same place.
      return pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        Int(in_port_t(bigEndian: $0.pointee.sin_port))
      }
    }
  }
}
