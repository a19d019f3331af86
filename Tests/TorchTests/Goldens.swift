import Foundation
import OrderedJSON
import Testing
import Torch

/// PyTorch's results, written by Tools/reference/torch_operators.py.
enum Goldens {
  static func load() throws -> JSON {
    let folder = try #require(Bundle.module.url(forResource: "Goldens", withExtension: nil))
    return try JSON(parsing: Data(contentsOf: folder.appendingPathComponent("operators.json")))
  }
}

/// A tensor in the golden file.
struct GoldenTensor {
  let shape: [Int]
  let dtype: DType
  let values: [Double]

  init(_ json: JSON?) throws {
    shape = try #require(json?["shape"]?.array).compactMap(\.int)
    dtype = try #require(json?["dtype"]?.string.flatMap(DType.init(rawValue:)))
    values = try #require(json?["values"]?.array).map { try #require($0.bool.map { $0 ? 1 : 0 } ?? $0.double) }
  }

  func tensor() throws -> Tensor { try Tensor(values, shape: shape).to(dtype) }

  /// A tensor that requires gradients, if its type allows that.
  func variable() throws -> Tensor {
    let tensor = try tensor()
    if dtype.isFloatingPoint { try tensor.setRequiresGrad(true) }
    return tensor
  }
}

extension JSON {
  /// The tensors of an array.
  func tensors() throws -> [GoldenTensor] { try #require(array).map { try GoldenTensor($0) } }
}

/// The same shape and type, and every element within `tolerance`, relative to 1 or to the golden's magnitude.
func expectClose(
  _ tensor: Tensor, _ golden: GoldenTensor, tolerance: Double = 1e-5, _ what: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  #expect(tensor.shape == golden.shape, "\(what)", sourceLocation: sourceLocation)
  #expect(tensor.dtype == golden.dtype, "\(what)", sourceLocation: sourceLocation)
  let values: [Double] = try tensor.to(.float64).array()
  let isClose =
    values.count == golden.values.count
    && zip(values, golden.values).allSatisfy { $0 == $1 || abs($0 - $1) <= tolerance * max(1, abs($1)) }
  #expect(isClose, "\(what): \(values), PyTorch: \(golden.values)", sourceLocation: sourceLocation)
}
