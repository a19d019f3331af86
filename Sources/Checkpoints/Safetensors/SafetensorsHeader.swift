import Files
import OrderedJSON
import Torch

/// The header of a safetensors file: 8 bytes with its length, then JSON that gives every tensor's dtype, shape and
/// position. It is checked as the format's own library checks it: the tensors cover the rest of the file exactly, without
/// gaps or overlaps.
struct SafetensorsHeader: Sendable {
  struct Entry: Sendable {
    let dtype: DType
    let shape: [Int]
    /// The range of its bytes in the file.
    let bytes: Range<Int>
  }
  /// The format's own limit on the header's length.
  static let largestHeader = 100_000_000

  private(set) var entries: TextDictionary<Entry> = [:]
  private(set) var metadata: TextDictionary<String> = [:]

  init(of file: MappedFile) throws {
    let path = file.path
    try file.refuseImpostors()
    guard file.bytes.count >= 8 else { throw FileError.damaged(path, "is too short for a safetensors file") }
    let length = file.integer(at: 0, as: UInt64.self)
    guard length <= Self.largestHeader, Int(length) <= file.bytes.count - 8 else {
      throw FileError.damaged(
        path,
        "is not a safetensors file, or is truncated: the header should take \(length) of the file's \(file.bytes.count) bytes"
      )
    }
    let start = 8 + Int(length)
    let text = UnsafeRawBufferPointer(file.bytes)[8..<start]
    guard text.first == UInt8(ascii: "{") else {
      throw FileError.damaged(path, "is not a safetensors file: the header does not begin with '{'")
    }
    let header: JSON
    do {
      header = try JSON(parsing: text)
    } catch {
      throw FileError.damaged(path, "the safetensors header is not valid JSON: \(error)")
    }
    if let name = DuplicateKeys.first(in: text) {
      throw FileError.damaged(path, "the safetensors header has \"\(name)\" twice")
    }
    for (name, value) in header.object ?? [:] {
      if name == "__metadata__" {
        metadata = try Self.metadata(value, path)
      } else {
        entries[name] = try Self.entry(value, name, dataStart: start, path)
      }
    }
    try checkCoverage(of: start..<file.bytes.count, path)
  }

  private static func metadata(_ value: JSON, _ path: String) throws -> TextDictionary<String> {
    guard let members = value.object else {
      throw FileError.damaged(path, "__metadata__ in the safetensors header is not an object")
    }
    var metadata: TextDictionary<String> = [:]
    for (key, value) in members {
      guard let text = value.string else {
        throw FileError.damaged(path, "\"\(key)\" in the safetensors header's __metadata__ is not a string")
      }
      metadata[key] = text
    }
    return metadata
  }

  private static func entry(_ value: JSON, _ name: String, dataStart: Int, _ path: String) throws -> Entry {
    guard let dtypeName = value["dtype"]?.string else {
      throw FileError.damaged(path, "tensor \"\(name)\" has no dtype in the safetensors header")
    }
    guard let dtype = DTypeName.all.first(where: { $0.safetensors == dtypeName })?.dtype else {
      throw FileError(
        .unsupported, file: path, "tensor \"\(name)\" has the dtype \(dtypeName), which is not supported",
        remedy: "convert it to one of " + DTypeName.all.map(\.safetensors).joined(separator: ", "))
    }
    guard let shape = integers(value["shape"]) else {
      throw FileError.damaged(path, "tensor \"\(name)\" has no valid shape in the safetensors header")
    }
    guard let range = integers(value["data_offsets"]), range.count == 2, range[0] <= range[1],
      range[1] <= Int.max - dataStart
    else {
      throw FileError.damaged(path, "tensor \"\(name)\" has no valid data_offsets in the safetensors header")
    }
    guard StoredTensor.byteCount(of: shape, dtype) == range[1] - range[0] else {
      throw FileError.damaged(
        path,
        "tensor \"\(name)\" of shape \(shape) and dtype \(dtypeName) cannot take the \(range[1] - range[0]) bytes that the header gives it"
      )
    }
    return Entry(dtype: dtype, shape: shape, bytes: dataStart + range[0]..<dataStart + range[1])
  }

  /// The numbers of an array of non-negative integers; nil for anything else.
  private static func integers(_ value: JSON?) -> [Int]? {
    guard let array = value?.array else { return nil }
    let numbers = array.compactMap { if case .integer(let number) = $0, number >= 0 { number } else { nil } }
    return numbers.count == array.count ? numbers : nil
  }

  private func checkCoverage(of data: Range<Int>, _ path: String) throws {
    var end = data.lowerBound
    for (name, entry) in entries.sorted(by: {
      ($0.value.bytes.lowerBound, $0.value.bytes.upperBound) < ($1.value.bytes.lowerBound, $1.value.bytes.upperBound)
    }) {
      guard entry.bytes.lowerBound == end else {
        throw FileError.damaged(
          path,
          "tensor \"\(name)\" begins at byte \(entry.bytes.lowerBound) where \(end) was expected: tensors overlap or leave a gap"
        )
      }
      end = entry.bytes.upperBound
    }
    guard end == data.upperBound else {
      throw FileError.damaged(
        path, "the safetensors header describes \(end) bytes and the file has \(data.upperBound)")
    }
  }
}
