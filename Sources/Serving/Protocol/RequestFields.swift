import OrderedJSON

/// The fields of a request, read with their checks. A field that is null counts as absent, as in OpenAI's API.
struct RequestFields {
  private let members: JSON.Object

  /// - Throws: `APIError` for a body that is no JSON object.
  init(body: some Sequence<UInt8>) throws(APIError) {
    let json: JSON
    do {
      json = try JSON(parsing: body)
    } catch {
      throw APIError(status: 400, "The body is not JSON: \(error)")
    }
    guard let members = json.object else { throw APIError(status: 400, "The body must be a JSON object.") }
    self.members = members
  }

  /// A field of any kind; nil where it is absent.
  subscript(name: String) -> JSON? {
    guard let value = members[name], !value.isNull else { return nil }
    return value
  }

  func required(_ name: String) throws(APIError) -> JSON {
    guard let value = self[name] else { throw .invalid(name, "this field is required") }
    return value
  }

  func text(_ name: String) throws(APIError) -> String? { try read(name, "a text") { $0.string } }

  func switched(_ name: String) throws(APIError) -> Bool? { try read(name, "true or false") { $0.bool } }

  func list(_ name: String) throws(APIError) -> [JSON]? { try read(name, "a list") { $0.array } }

  func object(_ name: String) throws(APIError) -> JSON.Object? { try read(name, "an object") { $0.object } }

  func integer(_ name: String, in range: ClosedRange<Int>) throws(APIError) -> Int? {
    let words =
      range.upperBound == .max ? "an integer of at least \(range.lowerBound)" : "an integer in \(Self.words(range))"
    return try read(name, words) { $0.int.flatMap { range.contains($0) ? $0 : nil } }
  }

  func number(_ name: String, in range: ClosedRange<Double>) throws(APIError) -> Double? {
    try read(name, "a number in \(Self.words(range))") { $0.double.flatMap { range.contains($0) ? $0 : nil } }
  }

  private func read<Value>(
    _ name: String, _ expected: String, _ value: (JSON) -> Value?
  ) throws(APIError) -> Value? {
    guard let json = self[name] else { return nil }
    guard let value = value(json) else {
      let found = json.serialized(.python)
      throw .invalid(name, "expected \(expected), found \(found.count > 60 ? found.prefix(60) + "…" : found)")
    }
    return value
  }

  private static func words<Bound>(_ range: ClosedRange<Bound>) -> String {
    "\(range.lowerBound) to \(range.upperBound)"
  }
}
