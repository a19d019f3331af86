import Torch

/// A tensor of a GGUF file that is still to be written. It shares the memory of its parts.
public struct GGUFTensor {
  /// How numbers are stored.
  public enum Encoding: UInt32, Sendable {
    /// IEEE single precision.
    case float32 = 0
    /// IEEE half precision.
    case float16 = 1
    /// Blocks of 32: a half-precision scale and 32 signed bytes.
    case q8_0 = 8

    /// The bytes of a row.
    func byteCount(of row: Int) -> Int {
      switch self {
      case .float32: row * 4
      case .float16: row * 2
      case .q8_0: row / Q8Blocks.size * Q8Blocks.byteCount
      }
    }
  }

  /// Its name.
  public let name: String
  /// The length of each dimension, the outermost first, as LibTorch has it. The file has them the other way round.
  public let shape: [Int]
  /// How it is stored.
  public let encoding: Encoding
  /// What it is made of, one after the other: one tensor, or equal ones that are stacked.
  let parts: [Tensor]
  /// Which row of a part is written at a place; nil for all in their order.
  let sourceRow: (@Sendable (_ place: Int) -> Int)?

  /// A tensor.
  ///
  /// - Parameters:
  ///   - encoding: what is asked for; rows that do not divide into blocks of 32 are stored in half precision instead of `q8_0`
  ///   - sourceRow: which row is written at a place
  public init(
    _ name: String, _ tensor: Tensor, as encoding: Encoding, sourceRow: (@Sendable (_ place: Int) -> Int)? = nil
  ) {
    self.init(name, parts: [tensor], shape: tensor.shape, as: encoding, sourceRow: sourceRow)
  }

  /// Equal tensors, stacked along a new outermost dimension.
  public init(_ name: String, stacking parts: [Tensor], as encoding: Encoding) {
    self.init(name, parts: parts, shape: [parts.count] + (parts.first?.shape ?? []), as: encoding, sourceRow: nil)
  }

  private init(
    _ name: String, parts: [Tensor], shape: [Int], as encoding: Encoding,
    sourceRow: (@Sendable (_ place: Int) -> Int)?
  ) {
    (self.name, self.parts, self.shape, self.sourceRow) = (name, parts, shape, sourceRow)
    let divides = (shape.last ?? 0) % Q8Blocks.size == 0
    self.encoding = encoding == .q8_0 && !divides ? .float16 : encoding
  }

  /// The length of a row: the innermost dimension.
  private var rowLength: Int { shape.last ?? 1 }

  /// The bytes that it takes in the file, without padding.
  var byteCount: Int {
    let rows = shape.dropLast().reduce(1, *)
    return rows * encoding.byteCount(of: rowLength)
  }

  /// Writes its rows, some at a time.
  ///
  /// - Throws: what `write` throws; `TorchError` when a part cannot be copied from its device.
  func forEachChunk(_ write: ([UInt8]) throws -> Void) throws {
    let length = rowLength
    let chunk = max(1, (1 << 20) / max(1, encoding.byteCount(of: length)))
    for part in parts {
      try StoredTensor(part.to(.float32)).withUnsafeBytes { bytes in
        let numbers = bytes.bindMemory(to: Float.self)
        let rows = length > 0 ? numbers.count / length : 0
        var start = 0
        while start < rows {
          let places = start..<min(start + chunk, rows)
          var buffer: [UInt8] = []
          buffer.reserveCapacity(places.count * encoding.byteCount(of: length))
          for place in places {
            let row = sourceRow?(place) ?? place
            append(UnsafeBufferPointer(rebasing: numbers[row * length..<(row + 1) * length]), to: &buffer)
          }
          try write(buffer)
          start = places.upperBound
        }
      }
    }
  }

  private func append(_ row: UnsafeBufferPointer<Float>, to buffer: inout [UInt8]) {
    switch encoding {
    case .float32: buffer.append(contentsOf: UnsafeRawBufferPointer(row))
    case .float16: for number in row { buffer.append(little: Float16(number).bitPattern) }
    case .q8_0: Q8Blocks.append(row, to: &buffer)
    }
  }
}

/// ggml's `q8_0`: of 32 numbers x the scale d = max |x| / 127 in half precision, and each x / d, rounded, in a byte.
enum Q8Blocks {
  static let size = 32
  static let byteCount = 34

  static func append(_ row: UnsafeBufferPointer<Float>, to buffer: inout [UInt8]) {
    for start in stride(from: 0, to: row.count, by: size) {
      let block = row[start..<start + size]
      let scale = block.reduce(0) { max($0, abs($1)) } / 127
      let inverse = scale == 0 ? 0 : 1 / scale
      buffer.append(little: Float16(scale).bitPattern)
      for number in block {
        buffer.append(UInt8(bitPattern: Int8(max(-128, min(127, (number * inverse).rounded())))))
      }
    }
  }
}
