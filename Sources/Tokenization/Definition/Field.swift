import OrderedJSON

/// A place in a `tokenizer.json`, which knows its name for messages.
struct Field {
  let json: JSON
  let path: String
  let file: String

  /// The member of an object; null where it is absent.
  subscript(key: String) -> Field {
    Field(json: json[key] ?? .null, path: path.isEmpty ? key : "\(path).\(key)", file: file)
  }

  var isNull: Bool { json.isNull }

  /// The elements of an array.
  func elements() throws(TokenizerError) -> [Field] {
    guard let array = json.array else { throw malformed("an array") }
    return array.enumerated().map { Field(json: $1, path: "\(path)[\($0)]", file: file) }
  }

  func string() throws(TokenizerError) -> String {
    guard let string = json.string else { throw malformed("a string") }
    return string
  }

  /// A truth value; absent ones have a default.
  func bool(default value: Bool) throws(TokenizerError) -> Bool {
    if isNull { return value }
    guard let bool = json.bool else { throw malformed("true or false") }
    return bool
  }

  /// A token id.
  func id() throws(TokenizerError) -> Int32 {
    guard let id = json.int, (0..<Field.idLimit).contains(id) else {
      throw malformed("an id from 0 to \(Field.idLimit - 1)")
    }
    return Int32(id)
  }

  /// The `type` of an object.
  func type() throws(TokenizerError) -> String {
    guard json.object != nil else { throw malformed("an object") }
    return try self["type"].string()
  }

  /// Far beyond any vocabulary, while tables indexed by id stay affordable.
  private static let idLimit = 1 << 24

  func malformed(_ expected: String) -> TokenizerError {
    .malformed(file: file, field: path.isEmpty ? "the file" : path, expected: expected)
  }

  func unsupported(_ found: String, supported: String) -> TokenizerError {
    .unsupported(file: file, field: path, found: found, supported: supported)
  }
}
