import Checkpoints
import Files
import Foundation
import OrderedCollections
import OrderedJSON
import Testing
import Torch

/// The goldens, made by Tools/reference/checkpoints.py.
enum Golden {
  static func url(_ name: String) -> URL {
    let folder = Bundle.module.url(forResource: "Goldens", withExtension: nil)
    return (folder ?? URL(fileURLWithPath: "Goldens")).appendingPathComponent(name)
  }

  static func bytes(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: url(name))) }

  /// What torch or safetensors read from a golden, as `describe` in the script writes it.
  static func description(of name: String) throws -> JSON {
    let all = try JSON(parsing: try Data(contentsOf: url("expected.json")))
    return try #require(all[name])
  }

  static let archives = [
    "dtypes.pth", "ordered.pth", "parameter.pth", "shared.pth", "views.pth", "shapes.pth", "nested.pth",
    "resume_768_resume.pth", "pytorch_model.bin", "protocol4.pth", "plain.pth", "renamed.pth",
  ]
}

/// A folder of its own for a test, removed with it.
final class Scratch {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("checkpoints-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func file(_ name: String) -> URL { url.appendingPathComponent(name) }

  @discardableResult
  func write(_ bytes: [UInt8], to name: String) throws -> URL {
    try Data(bytes).write(to: file(name))
    return file(name)
  }

  var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() } }
}

/// A value as the script's `describe` writes it: JSON that keeps types, order and every bit.
func describe(_ value: TorchValue) throws -> JSON {
  switch value {
  case .none: .null
  case .boolean(let value): .bool(value)
  case .integer(let value): .integer(value)
  case .float(let value): ["float": .string(hexadecimal(withUnsafeBytes(of: value.bitPattern.bigEndian, Array.init)))]
  case .string(let value): .string(value)
  case .bytes(let value): ["bytes": .string(hexadecimal(value))]
  case .list(let values): .array(try values.map(describe))
  case .tuple(let values): ["tuple": .array(try values.map(describe))]
  case .dictionary(let members):
    ["dict": .array(try members.map { [try describe(keyValue($0.key)), try describe($0.value)] })]
  case .tensor(let tensor): try describe(tensor)
  case .dtype(let dtype): ["dtype": .string("\(dtype)")]
  case .size(let lengths): ["size": .array(lengths.map { .integer($0) })]
  case .device(let name): ["device": .string(name)]
  }
}

func describe(_ tensor: StoredTensor) throws -> JSON {
  let bytes = try tensor.withUnsafeBytes { Array($0) }
  return [
    "tensor": [
      .string("\(tensor.dtype)"), .array(tensor.shape.map { .integer($0) }), .string(hexadecimal(bytes)),
    ]
  ]
}

func describe(_ tensors: some Sequence<(key: String, value: StoredTensor)>) throws -> JSON {
  ["dict": .array(try tensors.map { [.string($0.key), try describe($0.value)] })]
}

/// The description of a tensor that LibTorch holds, to show that the conversion changes nothing.
func describe(_ tensor: Tensor) throws -> JSON { try describe(try StoredTensor(tensor)) }

func keyValue(_ key: TorchKey) -> TorchValue {
  switch key {
  case .none: .none
  case .boolean(let value): .boolean(value)
  case .integer(let value): .integer(value)
  case .float(let value): .float(value)
  case .string(let value): .string(value)
  case .bytes(let value): .bytes(value)
  case .tuple(let keys): .tuple(keys.map(keyValue))
  }
}

func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// Every tensor in a value.
func tensors(in value: TorchValue) -> [StoredTensor] {
  switch value {
  case .tensor(let tensor): [tensor]
  case .list(let values), .tuple(let values): values.flatMap(tensors)
  case .dictionary(let members): members.values.flatMap(tensors)
  default: []
  }
}

/// The error that reading or writing something ends with.
func failure(_ body: () throws -> Void) throws -> FileError {
  try #require(throws: FileError.self) { try body() }
}

/// What the tests look at in values of Python.
extension TorchValue {
  /// The value of an integer key of a dictionary, or the element of a list or tuple at that place; nil where there is none.
  subscript(index: Int) -> TorchValue? {
    switch self {
    case .dictionary(let members): members[.integer(index)]
    case .list(let elements), .tuple(let elements): elements.indices.contains(index) ? elements[index] : nil
    default: nil
    }
  }

  /// Whether this is `None`.
  var isNone: Bool { if case .none = self { true } else { false } }

  /// The value of a `bool`; nil for anything else.
  var boolean: Bool? { if case .boolean(let value) = self { value } else { nil } }

  /// The value of an `int`; nil for anything else.
  var integer: Int? { if case .integer(let value) = self { value } else { nil } }

  /// The value of a `float` or an `int`; nil for anything else.
  var number: Double? {
    switch self {
    case .float(let value): value
    case .integer(let value): Double(value)
    default: nil
    }
  }

  /// The text of a `str`; nil for anything else.
  var string: String? { if case .string(let value) = self { value } else { nil } }

  /// The elements of a `list` or `tuple`; nil for anything else.
  var elements: [TorchValue]? {
    switch self {
    case .list(let elements), .tuple(let elements): elements
    default: nil
    }
  }

  /// The named tensors of a dictionary all of whose keys are strings and all of whose values are tensors; nil for
  /// anything else.
  var stateDict: OrderedDictionary<String, StoredTensor>? {
    guard let members = dictionary else { return nil }
    var tensors: OrderedDictionary<String, StoredTensor> = [:]
    for (key, value) in members {
      guard case .string(let name) = key, case .tensor(let tensor) = value else { return nil }
      tensors[name] = tensor
    }
    return tensors
  }
}

extension FileError {
  /// Whether the cause is what a file contains: not its absence, and not the output.
  var isBadData: Bool { !isMissingInput && !isWriteFailure }
}
