import Foundation
import Web

/// A server in this process, at any free port, until the body ends.
func withServer<Result: Sendable>(
  host: String = "127.0.0.1", token: AccessToken? = nil, allowsLocalPages: Bool = false,
  routes: @escaping @Sendable (WebServer.Routes) -> Void, body: @Sendable (RunningServer) async throws -> Result
) async throws -> Result {
  let server = WebServer(
    ListeningAddress(host: host, port: 0), token: token, allowsLocalPages: allowsLocalPages, routes: routes)
  let (urls, found) = AsyncStream<String>.makeStream()
  let running = Task {
    defer { found.finish() }
    try await server.run(endsAtSignals: false) { found.yield($0) }
  }
  do {
    var waiting = urls.makeAsyncIterator()
    guard let url = await waiting.next() else {
      try await running.value
      throw ServerIsGone()
    }
    let result = try await body(RunningServer(url: url))
    running.cancel()
    try await running.value
    return result
  } catch {
    running.cancel()
    throw error
  }
}

struct ServerIsGone: Error {}

struct RunningServer: Sendable {
  /// As it was printed.
  let url: String

  var port: UInt16 { URL(string: url).flatMap(\.port).flatMap(UInt16.init(exactly:)) ?? 0 }

  /// What the address says of the token.
  var token: String? { URLComponents(string: url)?.queryItems?.first { $0.name == "token" }?.value }

  /// Sends bytes as they are, and reads until the server closes the connection.
  func exchange(_ request: String) async throws -> String {
    let connection = try Connection(port: port)
    try connection.send(request)
    return await connection.read()
  }

  /// A request of HTTP/1.1 with some headers, after which the connection is closed.
  func ask(
    _ method: String = "GET", _ path: String = "/", host: String? = nil, _ headers: [String] = [], body: String? = nil
  ) async throws -> String {
    var lines = ["\(method) \(path) HTTP/1.1", "Host: \(host ?? "127.0.0.1:\(port)")", "Connection: close"] + headers
    if let body { lines.append("Content-Length: \(body.utf8.count)") }
    return try await exchange(lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? ""))
  }

  /// The number of the status line.
  func status(
    _ method: String = "GET", _ path: String = "/", host: String? = nil, _ headers: [String] = [], body: String? = nil
  ) async throws -> Int? {
    try await Self.status(of: ask(method, path, host: host, headers, body: body))
  }

  static func status(of answer: String) -> Int? {
    let words = answer.prefix { $0 != "\r\n" }.split(separator: " ")
    return words.count > 1 ? Int(words[1]) : nil
  }
}

/// A connection to a port of this machine; closed with the value.
final class Connection: Sendable {
  private let descriptor: Int32

  struct NotConnected: Error { let errno: Int32 }

  init(port: UInt16) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
    }
    guard result == 0 else { throw NotConnected(errno: errno) }
    // A server that says nothing fails the test instead of stopping it. Its answers are made on the threads on which other
    // tests compute, sometimes for minutes.
    var limit = timeval(tv_sec: 600, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close(descriptor) }

  func send(_ text: String) throws {
    let bytes = Array(text.utf8)
    guard Foundation.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
      throw NotConnected(errno: errno)
    }
  }

  /// Reads until the server closes the connection, or the text holds what is waited for; on a thread of its own, since the
  /// few threads of tasks are the server's.
  func read(until end: String? = nil) async -> String {
    await withCheckedContinuation { done in
      DispatchQueue.global().async { done.resume(returning: self.readNow(until: end)) }
    }
  }

  private func readNow(until end: String?) -> String {
    var found: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = recv(descriptor, &piece, piece.count, 0)
      // The end of another test's child interrupts a wait that has a limit.
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      found += piece[..<count]
      let text = String(decoding: found, as: UTF8.self)
      if end.map(text.contains) ?? Self.isWhole(text) { break }
    }
    return String(decoding: found, as: UTF8.self)
  }

  /// Whether an answer of known length is there.
  private static func isWhole(_ answer: String) -> Bool {
    guard let end = answer.range(of: "\r\n\r\n") else { return false }
    let lines = answer[..<end.lowerBound].lowercased().split(separator: "\r\n")
    guard let line = lines.first(where: { $0.hasPrefix("content-length: ") }), let length = Int(line.dropFirst(16))
    else {
      return false
    }
    return answer[end.upperBound...].utf8.count >= length
  }
}
