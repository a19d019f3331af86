import Foundation
import Hummingbird
import Observability
import OrderedJSON
import Web

/// The page of a folder of runs, which follows them while they go on, and what it asks the server for.
public struct Dashboard: Sendable {
  private let watch: RunWatch
  private let stopSignal: RunStop.Signal
  /// A name and nothing else.
  private static let bodyLimit = 16 << 10

  /// The dashboard of what a watch sees.
  public init(_ watch: RunWatch) { self.init(watch, stoppingWith: RunStop.terminate) }

  /// As above; tests send other signals.
  package init(_ watch: RunWatch, stoppingWith signal: @escaping @Sendable (_ process: Int32) -> Int32) {
    (self.watch, stopSignal) = (watch, signal)
  }

  /// Adds its routes: the page, the stream of what is new, and the request to stop a run.
  public func add(to routes: WebServer.Routes) {
    routes.get("/") { _, _ in Response.text(HTMLReport.livePage, type: "text/html") }
    routes.get("/events") { request, _ in Response.events(PageEvents(watch: watch), answering: request) }
    routes.post("/stop") { request, _ in await stop(request) }
    routes.get("/favicon.ico") { _, _ in Response(status: .noContent) }
  }

  /// `{"run": name}` → 202, or 409 with the reason; in both languages.
  private func stop(_ request: Request) async -> Response {
    do throws(RequestBodyError) {
      let body = try await request.json(upTo: Self.bodyLimit)
      guard let name = body["run"]?.string else { return .refusal(.badRequest, "expected {\"run\": the run's name}") }
      switch watch.stop(name, with: stopSignal) {
      case .asked: return .json(["words": DashboardWords.stopping.json], status: .accepted)
      case .refused(let words): return .json(["words": words.json], status: .conflict)
      }
    } catch {
      return error.response
    }
  }
}
