import Foundation

/// Where a server listens.
public struct ListeningAddress: Sendable, Hashable {
  /// A name or a number: `127.0.0.1`, `::1`, `localhost`, `0.0.0.0`.
  public let host: String
  /// The port; 0 for any that is free.
  public let port: Int

  /// An address; without a host that of this machine alone.
  public init(host: String = "127.0.0.1", port: Int) {
    // An address of IPv6 may be written as in a URL.
    let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
    self.host = isBracketed ? String(host.dropFirst().dropLast()) : host
    self.port = port
  }

  /// Whether only programs of this machine reach it.
  public var isLoopback: Bool { Self.isLoopback(host) }

  /// Whether a name or a number means this machine, whoever is asked about it.
  static func isLoopback(_ host: String) -> Bool {
    let name = host.lowercased()
    if name == "localhost" || name == "::1" || name.hasSuffix(".localhost") { return true }
    // 127.0.0.0/8, in four numbers: `127.0.0.1.example.org` is a name of somebody's own.
    let numbers = name.split(separator: ".", omittingEmptySubsequences: false)
    return numbers.count == 4 && numbers[0] == "127" && numbers.allSatisfy { UInt8($0) != nil }
  }

  /// This machine's name, as it calls itself: to ask the network for a better one may take long.
  private static var ownName: String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "127.0.0.1" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The address for a browser: of all interfaces, this machine's name.
  ///
  /// - Parameter token: where one is needed, it is in the address
  func url(port: Int, token: AccessToken?) -> String {
    let isAny = ["0.0.0.0", "::", "*"].contains(host)
    let name = isAny ? Self.ownName : host.contains(":") ? "[\(host)]" : host
    return "http://\(name):\(port)/" + (token.map { "?token=\($0.text)" } ?? "")
  }
}
