import OrderedJSON

/// Why a request is not answered, in the form of OpenAI's API.
public struct APIError: Error, Hashable, Sendable {
  /// The HTTP status.
  public let status: Int
  /// What is wrong and what was expected.
  public let message: String
  /// The field that it is about; nil where it is about none.
  public var field: String?
  /// A word for programs; nil for none.
  public var code: String?

  /// An error of a status.
  public init(status: Int, _ message: String, field: String? = nil, code: String? = nil) {
    (self.status, self.message, self.field, self.code) = (status, message, field, code)
  }

  /// A field that is not what it should be.
  static func invalid(_ field: String, _ message: String) -> APIError {
    APIError(status: 400, "\(field): \(message)", field: field, code: "invalid_value")
  }

  /// A model that is not served.
  static func unknownModel(_ name: String, served: [String]) -> APIError {
    APIError(
      status: 404, "The model '\(name)' is not served here; these are: \(served.joined(separator: ", ")).",
      field: "model", code: "model_not_found")
  }

  init(_ error: EngineError, served: [String]) {
    switch error {
    case .full(let waiting):
      self.init(status: 429, "\(waiting) answers wait already; try again later.", code: "rate_limit_exceeded")
    case .stopping: self.init(status: 503, "The server is stopping.", code: "server_stopping")
    case .unknownModel(let name): self = .unknownModel(name, served: served)
    }
  }

  /// `{"error": {"message", "type", "param", "code"}}`
  public var json: JSON {
    let type =
      switch status {
      case 429: "rate_limit_error"
      case 401, 403: "authentication_error"
      case 500...: "server_error"
      default: "invalid_request_error"
      }
    return [
      "error": [
        "message": .string(message), "type": .string(type), "param": field.map { .string($0) } ?? .null,
        "code": code.map { .string($0) } ?? .null,
      ]
    ]
  }
}
