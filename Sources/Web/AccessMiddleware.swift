import HTTPTypes
import Hummingbird

/// Turns away requests that ``AccessRules`` do not allow, before anything else sees them.
struct AccessMiddleware<Context: RequestContext>: RouterMiddleware {
  let rules: AccessRules

  func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    let origin = request.headers[.origin]
    // A page of another server of this machine that may ask.
    let localPage = origin.flatMap { rules.allows($0) ? $0 : nil }
    if let localPage, request.method == .options { return Self.preflight(of: request, for: localPage) }
    switch rules.decide(AccessRules.Asked(request)) {
    case .allowed: break
    case .allowedByAddress:
      return Response(
        status: .seeOther,
        headers: [
          .location: Self.withoutToken(request), .cacheControl: "no-store",
          .setCookie: "\(rules.cookieName)=\(rules.token?.text ?? ""); HttpOnly; SameSite=Lax; Path=/",
        ])
    case .foreign(let words): return .refusal(.forbidden, words)
    case .withoutToken:
      var response = Response.refusal(
        .unauthorized,
        "this server asks for its token: open the address that it printed, with ?token=…, or send Authorization: Bearer …"
      )
      response.headers[.wwwAuthenticate] = "Bearer"
      return response
    }
    var response = try await answer(request, context: context, next: next)
    if let localPage {
      response.headers[.accessControlAllowOrigin] = localPage
      response.headers[.vary] = "Origin"
    }
    return response
  }

  /// What the server answers, with headers that keep browsers from guessing types, keeping copies, and showing a page inside
  /// that of a stranger (who could lay it under a click).
  private func answer(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    var response: Response
    do {
      response = try await next(request, context)
    } catch let error as HTTPError {
      response = try error.response(from: request, context: context)
    }
    for (name, value) in Self.headers where response.headers[name] == nil { response.headers[name] = value }
    return response
  }

  private static var headers: [(HTTPField.Name, String)] {
    [
      ("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer"),
      ("Cache-Control", "no-store"),
    ].compactMap { name, value in HTTPField.Name(name).map { ($0, value) } }
  }

  /// What a browser asks before a page of another server of this machine may send more than a plain request.
  private static func preflight(of request: Request, for origin: String) -> Response {
    // Clients in browsers send headers of their own; none of them means anything here.
    let asked = HTTPField.Name("Access-Control-Request-Headers").flatMap { request.headers[$0] }
    return Response(
      status: .noContent,
      headers: [
        .accessControlAllowOrigin: origin, .accessControlAllowMethods: "GET, POST, OPTIONS",
        .accessControlAllowHeaders: asked ?? "Authorization, Content-Type", .vary: "Origin",
      ])
  }

  /// The address asked for, without the token.
  private static func withoutToken(_ request: Request) -> String {
    let kept = (request.uri.query ?? "").split(separator: "&").filter { !$0.hasPrefix("token=") && $0 != "token" }
    // Two slashes at the start would name another host.
    let path = "/" + request.uri.path.drop { $0 == "/" || $0 == "\\" }
    return path + (kept.isEmpty ? "" : "?" + kept.joined(separator: "&"))
  }
}

extension AccessRules.Asked {
  /// What a request says of itself.
  init(_ request: Request) {
    host = request.head.authority
    origin = request.headers[.origin]
    fetchSite = HTTPField.Name("Sec-Fetch-Site").flatMap { request.headers[$0] }
    isReading = request.method == .get || request.method == .head
    authorization = request.headers[.authorization]
    cookie = request.headers[.cookie]
    queryToken = request.uri.queryParameters["token"].map(String.init)
  }
}
