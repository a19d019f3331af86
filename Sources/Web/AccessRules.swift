/// Who may ask a server for something.
///
/// A server that listens on loopback is reached by every program of this machine, among them browsers that show pages of
/// strangers. Such a page can send requests here, and with a name that it lets point to 127.0.0.1 (DNS rebinding) it could
/// even read the answers. So the name by which a request calls the server (`Host`) must be one of loopback's, and the page it
/// comes from (`Origin`), which browsers state and pages cannot change, must be this server's. A server that listens for
/// other machines cannot know its names; there whoever asks must show the token.
struct AccessRules: Sendable {
  /// What a request says of itself.
  struct Asked: Sendable, Hashable {
    /// `Host`, or what takes its place.
    var host: String?
    /// `Origin`: the page that a browser sends the request for.
    var origin: String?
    /// `Sec-Fetch-Site`: what a browser says of that page's relation to the server.
    var fetchSite: String?
    /// Whether it changes nothing: `GET` and `HEAD`.
    var isReading = true
    /// `Authorization`.
    var authorization: String?
    /// `Cookie`.
    var cookie: String?
    /// `token` of the address's query.
    var queryToken: String?
  }

  enum Decision: Sendable, Hashable {
    case allowed
    /// The token was in the address: it becomes a cookie, and the page is asked for again without it.
    case allowedByAddress
    /// It comes by a name that is not this machine's, or for a page of a stranger.
    case foreign(words: String)
    /// The token is missing or wrong.
    case withoutToken
  }

  /// Whether the server listens on loopback.
  let isLoopback: Bool
  /// What whoever asks must know; nil for nothing.
  let token: AccessToken?
  /// Whether pages of other servers of this machine may ask too, such as a chat page in a browser.
  let allowsLocalPages: Bool
  /// Cookies are kept by host, whatever the port: its number is in the name.
  let cookieName: String

  func decide(_ asked: Asked) -> Decision {
    if isLoopback {
      guard let host = asked.host, ListeningAddress.isLoopback(Self.name(of: host)) else {
        return .foreign(
          words:
            "this server answers to the names of this machine only: open it as http://127.0.0.1 or http://localhost")
      }
    }
    let bearer = asked.authorization.flatMap(Self.bearer)
    // Who knows the token and says so in a header was not tricked by a page.
    if let token, let bearer { return token.isSame(as: bearer) ? .allowed : .withoutToken }
    guard isOwn(asked) else { return .foreign(words: "this request comes from the page of another site") }
    guard let token else { return .allowed }
    if let cookie = asked.cookie.flatMap({ Self.value(of: cookieName, in: $0) }), token.isSame(as: cookie) {
      return asked.queryToken != nil && asked.isReading ? .allowedByAddress : .allowed
    }
    guard let query = asked.queryToken, token.isSame(as: query) else { return .withoutToken }
    return asked.isReading ? .allowedByAddress : .allowed
  }

  /// Whether the page that asks is this server's own, or nobody's: programs state none.
  private func isOwn(_ asked: Asked) -> Bool {
    guard let origin = asked.origin else {
      // Following a link from another site only shows the page.
      return asked.isReading || [nil, "same-origin", "none"].contains(asked.fetchSite)
    }
    if let host = asked.host, origin == "http://\(host)" || origin == "https://\(host)" { return true }
    return allows(origin)
  }

  /// Whether pages of another origin may ask.
  func allows(_ origin: String) -> Bool {
    guard allowsLocalPages, isLoopback, let start = origin.range(of: "://") else { return false }
    return ListeningAddress.isLoopback(Self.name(of: String(origin[start.upperBound...])))
  }

  /// `[::1]:8080` and `localhost:8080` without their ports and brackets.
  static func name(of authority: String) -> String {
    if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
      let rest = authority[authority.index(after: end)...]
      return rest.isEmpty || isPort(rest) ? String(authority.dropFirst().prefix { $0 != "]" }) : authority
    }
    guard let colon = authority.firstIndex(of: ":"), isPort(authority[colon...]) else { return authority }
    return String(authority[..<colon])
  }

  private static func isPort(_ text: Substring) -> Bool {
    text.first == ":" && text.count > 1 && text.dropFirst().allSatisfy { $0.isASCII && $0.isNumber }
  }

  private static func bearer(_ header: String) -> String? {
    let words = header.split(separator: " ", maxSplits: 1)
    guard words.count == 2, words[0].lowercased() == "bearer" else { return nil }
    return String(words[1])
  }

  private static func value(of name: String, in cookies: String) -> String? {
    for cookie in cookies.split(separator: ";") {
      let parts = cookie.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, parts[0].drop(while: { $0 == " " }) == name[...] else { continue }
      return String(parts[1])
    }
    return nil
  }
}
