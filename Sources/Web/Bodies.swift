import Hummingbird
import OrderedJSON

extension Response {
  /// An answer of text.
  ///
  /// - Parameter type: as in `text/html`; it is UTF-8
  public static func text(_ text: String, type: String = "text/plain", status: HTTPResponse.Status = .ok) -> Response {
    Response(
      status: status, headers: [.contentType: "\(type); charset=utf-8"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }

  /// An answer of JSON.
  public static func json(_ json: JSON, status: HTTPResponse.Status = .ok) -> Response {
    Response(
      status: status, headers: [.contentType: "application/json"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: json.serialized())))
  }

  /// Why something is refused, in words, as the field's servers say it: `{"error": {"message": …}}`.
  public static func refusal(_ status: HTTPResponse.Status, _ words: String) -> Response {
    json(["error": ["message": .string(words), "type": "refused", "code": .integer(status.code)]], status: status)
  }
}

/// Why the body of a request is not used.
public enum RequestBodyError: Error, Hashable, CustomStringConvertible {
  /// It has more bytes than this.
  case tooLarge(limit: Int)
  /// It is no JSON.
  case notJSON(reason: String)
  /// It ended before its end.
  case incomplete

  /// What happened.
  public var description: String {
    switch self {
    case .tooLarge(let limit): "the body of the request has more than \(limit) bytes"
    case .notJSON(let reason): "the body of the request is no JSON: \(reason)"
    case .incomplete: "the request ended in the middle of its body"
    }
  }

  /// The answer that says so.
  public var response: Response {
    if case .tooLarge = self { return .refusal(.contentTooLarge, description) }
    return .refusal(.badRequest, description)
  }
}

extension Request {
  /// The body as JSON. What is too large is not read to its end.
  ///
  /// - Parameter limit: the most bytes
  public func json(upTo limit: Int) async throws(RequestBodyError) -> JSON {
    if let length = headers[.contentLength].flatMap({ Int($0) }), length > limit { throw .tooLarge(limit: limit) }
    var bytes: [UInt8] = []
    do {
      for try await piece in body {
        guard bytes.count + piece.readableBytes <= limit else { throw RequestBodyError.tooLarge(limit: limit) }
        bytes.append(contentsOf: piece.readableBytesView)
      }
    } catch let error as RequestBodyError {
      throw error
    } catch {
      throw .incomplete
    }
    do {
      return try JSON(parsing: bytes)
    } catch {
      throw .notJSON(reason: "\(error)")
    }
  }
}
