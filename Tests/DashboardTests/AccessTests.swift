import Foundation
import Hummingbird
import OrderedJSON
import Testing
import Web

@Suite("Who may ask a server")
struct AccessTests {
  @Sendable private static func routes(_ routes: WebServer.Routes) {
    routes.get("/") { _, _ in Response.text("the page") }
    routes.post("/act") { request, _ in
      do throws(RequestBodyError) {
        return Response.json(["got": try await request.json(upTo: 64)])
      } catch {
        return error.response
      }
    }
  }

  @Test("A name that a stranger lets point to this machine is refused; this machine's names are answered")
  func rebinding() async throws {
    try await withServer(routes: Self.routes) { server async throws in
      let port = server.port
      for host in [
        "127.0.0.1:\(port)", "localhost:\(port)", "LOCALHOST", "[::1]:\(port)", "app.localhost", "127.1.2.3:1",
      ] {
        #expect(try await server.status(host: host) == 200, "\(host)")
      }
      for host in [
        "evil.example", "evil.example:\(port)", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1",
        "127.0.0.1:80:80", "127.0.0.1@evil.example", "", "[::1", "[::1]evil.example", "evil.example#127.0.0.1",
      ] {
        let status = try await server.status(host: host)
        #expect(status == 403 || status == 400, "\(host): \(status ?? 0)")
      }
      // HTTP/1.0 needs no Host.
      #expect(RunningServer.status(of: try await server.exchange("GET / HTTP/1.0\r\n\r\n")) == 403)
    }
  }

  @Test("What the page of another site sends is refused; what programs and the own page send is not")
  func forgery() async throws {
    try await withServer(routes: Self.routes) { server async throws in
      let own = "http://127.0.0.1:\(server.port)"
      let body = #"{"a":1}"#
      #expect(try await server.status("POST", "/act", body: body) == 200)
      #expect(try await server.status("POST", "/act", ["Origin: \(own)"], body: body) == 200)
      #expect(
        try await server.status("POST", "/act", ["Origin: \(own)", "Sec-Fetch-Site: same-origin"], body: body) == 200)
      for origin in ["http://evil.example", "null", "http://127.0.0.1:1", "http://localhost:\(server.port)", ""] {
        #expect(try await server.status("POST", "/act", ["Origin: \(origin)"], body: body) == 403, "\(origin)")
        #expect(try await server.status("GET", "/", ["Origin: \(origin)"]) == 403, "\(origin)")
      }
      #expect(try await server.status("POST", "/act", ["Origin: \(own)", "Origin: \(own)"], body: body) == 403)
      #expect(try await server.status("POST", "/act", ["Sec-Fetch-Site: cross-site"], body: body) == 403)
      // A link on another site may be followed.
      #expect(try await server.status("GET", "/", ["Sec-Fetch-Site: cross-site"]) == 200)
    }
  }

  @Test("Pages of other servers of this machine may ask where that is allowed, and are told so")
  func localPages() async throws {
    try await withServer(allowsLocalPages: true, routes: Self.routes) { server async throws in
      let page = "http://localhost:3000"
      let answer = try await server.ask("POST", "/act", ["Origin: \(page)"], body: "{}")
      #expect(RunningServer.status(of: answer) == 200)
      #expect(answer.lowercased().contains("access-control-allow-origin: \(page)"))
      let asked = try await server.ask(
        "OPTIONS", "/act",
        [
          "Origin: \(page)", "Access-Control-Request-Method: POST",
          "Access-Control-Request-Headers: content-type,x-stainless-os",
        ])
      #expect(asked.lowercased().contains("access-control-allow-headers: content-type,x-stainless-os"))
      #expect(RunningServer.status(of: asked) == 204)
      #expect(try await server.status("POST", "/act", ["Origin: http://evil.example"], body: "{}") == 403)
      #expect(try await server.status("OPTIONS", "/act", ["Origin: http://evil.example"]) == 403)
    }
  }

  @Test("With a token nothing is answered without it, whatever is sent in its place")
  func token() async throws {
    let token = try #require(AccessToken("0123456789abcdef"))
    try await withServer(token: token, routes: Self.routes) { server async throws in
      #expect(server.token == token.text)
      #expect(try await server.status() == 401)
      for wrong in ["0123456789abcde", "0123456789abcdef0", "", "0123456789ABCDEF", "%00"] {
        #expect(try await server.status("GET", "/", ["Authorization: Bearer \(wrong)"]) == 401, "\(wrong)")
        #expect(try await server.status("GET", "/?token=\(wrong)") == 401, "\(wrong)")
        #expect(try await server.status("GET", "/", ["Cookie: minimind-dpo=\(wrong)"]) == 401, "\(wrong)")
      }
      #expect(try await server.status("GET", "/", ["Authorization: Basic \(token.text)"]) == 401)
      #expect(try await server.status("GET", "/", ["Authorization: Bearer \(token.text)"]) == 200)
      #expect(try await server.status("GET", "/", ["authorization: bearer \(token.text)"]) == 200)
      // Also of a page elsewhere: it was told the token.
      #expect(
        try await server.status(
          "POST", "/act", ["Authorization: Bearer \(token.text)", "Origin: http://elsewhere.example"], body: "{}")
          == 200)
    }
  }

  @Test("The token in a page's address becomes a cookie, and leaves the address")
  func cookie() async throws {
    let token = try #require(AccessToken("secret-1"))
    try await withServer(token: token, routes: Self.routes) { server async throws in
      let answer = try await server.ask("GET", "/?a=1&token=secret-1&b=2")
      #expect(RunningServer.status(of: answer) == 303)
      let lines = answer.split(separator: "\r\n").map(String.init)
      let location = try #require(lines.first { $0.lowercased().hasPrefix("location:") })
      #expect(location.hasSuffix(" /?a=1&b=2"))
      let cookie = try #require(lines.first { $0.lowercased().hasPrefix("set-cookie:") })
      #expect(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"))
      let pair = cookie.dropFirst("set-cookie: ".count).prefix { $0 != ";" }
      #expect(try await server.status("GET", "/", ["Cookie: other=1; \(pair)"]) == 200)
      // A page of another site sends the cookie along, and is refused for its origin.
      #expect(
        try await server.status("POST", "/act", ["Cookie: \(pair)", "Origin: http://evil.example"], body: "{}") == 403)
      #expect(try await server.status("GET", "/", ["Cookie: \(pair)x"]) == 401)
      // Not to another host.
      let elsewhere = try await server.ask("GET", "//evil.example/?token=secret-1")
      #expect(!elsewhere.contains(": //evil"))
    }
  }

  @Test("A server for other machines makes up a token, and goes by any name")
  func otherMachines() async throws {
    try await withServer(host: "0.0.0.0", routes: Self.routes) { server async throws in
      let token = try #require(server.token)
      #expect(token.count == 32)
      #expect(try await server.status() == 401)
      #expect(
        try await server.status(host: "gpu-box.example:\(server.port)", ["Authorization: Bearer \(token)"]) == 200)
    }
    #expect(AccessToken.random() != AccessToken.random())
    for wrong in ["", "a b", "a;b", "ä", "a&b", String(repeating: "a", count: 257)] {
      #expect(AccessToken(wrong) == nil)
    }
  }

  @Test("A body larger than allowed is refused, in one piece or in chunks, and so is what is no JSON")
  func bodies() async throws {
    try await withServer(routes: Self.routes) { server async throws in
      let large = #"{"a":""# + String(repeating: "x", count: 100) + #""}"#
      #expect(try await server.status("POST", "/act", body: large) == 413)
      let chunks = "POST /act HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
      let chunk = String(repeating: "y", count: 40)
      let chunked = chunks + "28\r\n\(chunk)\r\n28\r\n\(chunk)\r\n0\r\n\r\n"
      #expect(RunningServer.status(of: try await server.exchange(chunked)) == 413)
      #expect(try await server.status("POST", "/act", body: "{") == 400)
      #expect(try await server.status("GET", "/nothing") == 404)
    }
  }

  @Test("Bytes that are no request end their connection and nothing else")
  func strangers() async throws {
    try await withServer(routes: Self.routes) { server async throws in
      var generator = SystemRandomNumberGenerator()
      for _ in 0..<40 {
        let bytes = (0..<200).map { _ in Character(Unicode.Scalar(UInt8.random(in: 1...127, using: &generator))) }
        let connection = try Connection(port: server.port)
        try connection.send(String(bytes) + "\r\n\r\n")
      }
      for request in [
        "GET / HTTP/9.9\r\n\r\n", "GET\r\n\r\n", "POST /act HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + String(repeating: "a", count: 200_000) + "\r\n\r\n",
      ] {
        let connection = try Connection(port: server.port)
        try? connection.send(request)
      }
      #expect(try await server.status() == 200)
    }
  }

  @Test("A port that is taken is an error that says what to do")
  func taken() async throws {
    try await withServer(routes: Self.routes) { server async throws in
      let second = WebServer(ListeningAddress(port: Int(server.port)), routes: Self.routes)
      await #expect(throws: WebError.portTaken(host: "127.0.0.1", port: Int(server.port))) {
        try await second.run(endsAtSignals: false) { _ in }
      }
    }
    let foreign = WebServer(ListeningAddress(host: "192.0.2.1", port: 0), routes: Self.routes)
    await #expect(throws: WebError.self) { try await foreign.run(endsAtSignals: false) { _ in } }
  }
}
