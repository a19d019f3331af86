import Foundation
import HTTPTypes
import Hummingbird
import OrderedJSON
import ServiceLifecycle
import Web

/// The paths of OpenAI's API that are answered: models, conversations, plain prompts.
public struct CompletionRoutes: Sendable {
  private let engine: Engine
  private let parsing: CompletionParsing
  private let answering: CompletionAnswering

  /// Bodies of requests may have so many bytes.
  private static let bodyLimit = 8 << 20

  /// - Parameter standard: what is taken where a request says nothing
  public init(_ engine: Engine, standard: CompletionStandard) {
    self.engine = engine
    parsing = CompletionParsing(engine: engine, standard: standard)
    answering = CompletionAnswering(engine: engine)
  }

  /// Adds the paths.
  public func add(to routes: WebServer.Routes) {
    routes.get("/") { _, _ in Response.text(greeting) }
    routes.get("/health") { _, _ in
      let load = engine.load
      return Response.json(
        ["status": "ok", "running": .integer(load.running), "waiting": .integer(load.waiting)])
    }
    routes.get("/v1/models") { _, _ in
      Response.json(["object": "list", "data": .array(engine.models.map(Self.json))])
    }
    routes.get("/v1/models/:name") { _, context in
      let name = context.parameters.get("name") ?? ""
      guard let model = engine.models.first(where: { $0.name == name }) else {
        return Response.error(.unknownModel(name, served: engine.models.map(\.name)))
      }
      return Response.json(Self.json(model))
    }
    routes.post("/v1/chat/completions") { request, _ in try await answer(request) { try parsing.chat($0) } }
    routes.post("/v1/completions") { request, _ in try await answer(request) { try parsing.plain($0) } }
  }

  /// Reads a request and answers it.
  ///
  /// While a reply is being made, the connection is listened to, so that whoever leaves gives up the answer. Hummingbird
  /// does that by reading on behind the request, after which the connection is of no further use.
  private func answer(
    _ request: Request, job: @escaping @Sendable ([UInt8]) throws -> CompletionJob
  ) async throws -> Response {
    var response: Response
    do {
      let reply = try await withGracefulShutdownHandler {
        try await request.body.consumeWithCancellationOnInboundClose { body in
          let job = try job(await Self.bytes(of: body))
          return job.streams ? Reply.pieces(try answering.stream(job)) : .whole(try await answering.whole(job))
        }
      } onGracefulShutdown: {
        engine.stop()
      }
      switch reply {
      case .whole(let json): response = .json(json)
      case .pieces(let stream): response = streamed(stream)
      }
    } catch let error as APIError {
      response = .error(error)
    }
    response.headers[.connection] = "close"
    return response
  }

  private enum Reply: Sendable {
    case whole(JSON)
    case pieces(CompletionStream)
  }

  /// A reply in pieces. Where one cannot be written, the reader has gone, and the answers end.
  private func streamed(_ stream: CompletionStream) -> Response {
    Response(
      status: .ok, headers: [.contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-store"],
      body: ResponseBody { writer in
        try await withGracefulShutdownHandler {
          for await event in stream { try await writer.write(ByteBuffer(string: event.text)) }
        } onGracefulShutdown: {
          engine.stop()
        }
        try await writer.finish(nil)
      })
  }

  private static func bytes(of body: RequestBody) async throws -> [UInt8] {
    var bytes: [UInt8] = []
    for try await piece in body {
      guard bytes.count + piece.readableBytes <= bodyLimit else {
        throw APIError(status: 413, "The body has more than \(bodyLimit) bytes.")
      }
      bytes.append(contentsOf: piece.readableBytesView)
    }
    return bytes
  }

  private static func json(_ model: ServedModel) -> JSON {
    [
      "id": .string(model.name), "object": "model", "created": .integer(Int(model.created.timeIntervalSince1970)),
      "owned_by": "minimind-dpo", "max_model_len": .integer(model.contextLength),
    ]
  }

  private var greeting: String {
    """
    minimind-dpo serves \(engine.models.map(\.name).joined(separator: " and ")) in the way of OpenAI's API:
      GET  /v1/models
      POST /v1/chat/completions
      POST /v1/completions
    A chat page or client takes the address of this page followed by v1 as its base URL, and any API key where no token is asked for.

    """
  }
}

extension Response {
  /// An error in the form of OpenAI's API.
  static func error(_ error: APIError) -> Response {
    var response = Response.json(error.json, status: HTTPResponse.Status(code: error.status))
    if error.status == 429, let name = HTTPField.Name("Retry-After") { response.headers[name] = "1" }
    return response
  }
}
