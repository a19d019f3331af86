import Foundation
import Torch

extension CausalLM {
  /// Takes the weights of a model apart into these, which stay, and an adapter: the one of a rank that is closest to the
  /// difference (Eckart & Young, 1936).
  ///
  /// - Parameter other: the model to take apart, of the same shape; one that an adapter was merged into, for instance
  /// - Returns: the part of the difference that the adapter does not hold: ‖rest‖ / ‖difference‖
  /// - Throws: `AdapterError` where other weights than those that can be adapted differ too; `TorchError`.
  public func splitOff(_ other: CausalLM, rank: Int) throws -> Double {
    let layers = adaptableLayers
    let theirs = Dictionary(uniqueKeysWithValues: other.adaptableLayers.map { ($0.path, $0.layer) })
    let adaptable = Set(layers.map { $0.path + ".weight" })
    var problems: [String] = []
    for ((name, own), (_, its)) in zip(namedParameters, other.namedParameters) {
      guard own.shape == its.shape else {
        problems.append("\(name): \(its.shape), \(own.shape) in the base")
        continue
      }
      guard !adaptable.contains(name) else { continue }
      if try own.value.detached().notEqual(its.value.detached()).any().item() != 0 {
        problems.append("\(name): differs from the base, and cannot be adapted")
      }
    }
    if namedParameters.count != other.namedParameters.count { problems.append("other parameters than the base has") }
    guard problems.isEmpty else { throw AdapterError.misfit(source: "the model to split", problems: problems) }

    var factors: [String: LowRankFactors] = [:]
    var (whole, rest) = (0.0, 0.0)
    for (path, layer) in layers {
      guard let its = theirs[path] else { continue }
      let difference = try withoutGrad {
        try (its.weight.value.detached().to(DType.float64)) - layer.weight.value.detached().to(DType.float64)
      }
      let size = try (difference * difference).sum().item()
      guard size > 0 else { continue }
      let found = try LowRankFactors(of: difference, rank: rank)
      let missing = try difference - found.up.matmul(found.down)
      (whole, rest) = (whole + size, rest + (try (missing * missing).sum().item()))
      factors[path] = found
    }
    guard !factors.isEmpty else {
      throw AdapterError.misfit(source: "the model to split", problems: ["no weight differs from the base"])
    }
    let configuration = LoRAConfiguration(rank: rank, alpha: Double(rank), targets: .names([]))
    let adapter = try Adapter(configuration, of: layers.filter { factors[$0.path] != nil })
    try withoutGrad {
      for (path, part) in adapter.layers {
        guard let found = factors[path] else { continue }
        try part.down.value.copyInPlace(found.down)
        try part.up.value.copyInPlace(found.up)
      }
    }
    try take(adapter)
    return (rest / whole).squareRoot()
  }
}

/// The product of rank r that is closest to a matrix, by a few rounds of subspace iteration from random directions (Halko et
/// al., 2011, arXiv:0909.4061), which finds it exactly where the matrix has no higher rank.
struct LowRankFactors {
  /// `[rank, in]`, `float64`
  let down: Tensor
  /// `[out, rank]`, `float64`
  let up: Tensor

  init(of matrix: Tensor, rank: Int) throws {
    let (outputs, inputs) = (matrix.shape[0], matrix.shape[1])
    let directions = min(rank + 8, min(outputs, inputs))
    let start = try Tensor.empty([inputs, directions], dtype: .float64)
    try start.fillNormal(from: Generator(seed: 1))
    var basis = try Self.orthonormal(matrix.matmul(start))
    for _ in 0..<4 { basis = try Self.orthonormal(matrix.matmul(matrix.transpose(0, 1).matmul(basis))) }
    // The matrix within the basis, and the axes in which it is longest.
    let within = try basis.transpose(0, 1).matmul(matrix)
    let (squares, axes) = try Self.eigen(within.matmul(within.transpose(0, 1)))
    let order = squares.indices.sorted { squares[$0] > squares[$1] }.prefix(rank)
    var (columns, rows): ([Double], [Double]) = ([], [])
    for axis in 0..<rank {
      // Both factors get the root of the singular value.
      let place = axis < order.count ? order[axis] : nil
      let root = place.map { max(0, squares[$0]).squareRoot().squareRoot() } ?? 0
      let vector =
        place.map { place in (0..<directions).map { axes[$0][place] } } ?? Array(repeating: 0, count: directions)
      columns += vector.map { $0 * root }
      rows += vector.map { root > 0 ? $0 / root : 0 }
    }
    up = try basis.matmul(Tensor(columns, shape: [rank, directions]).transpose(0, 1))
    down = try Tensor(rows, shape: [rank, directions]).matmul(within)
  }

  /// Columns that span the same space, by Gram and Schmidt's procedure, applied twice for rounding's sake.
  private static func orthonormal(_ matrix: Tensor) throws -> Tensor {
    let (rows, count) = (matrix.shape[0], matrix.shape[1])
    let all = try matrix.transpose(0, 1).contiguous().array(Double.self)
    var columns = (0..<count).map { Array(all[$0 * rows..<($0 + 1) * rows]) }
    for place in columns.indices {
      let before = length(columns[place])
      for _ in 0..<2 {
        for other in 0..<place {
          let along = zip(columns[place], columns[other]).reduce(0) { $0 + $1.0 * $1.1 }
          for row in 0..<rows { columns[place][row] -= along * columns[other][row] }
        }
      }
      let left = length(columns[place])
      // What is left of a column that depends on those before it is rounding alone.
      let factor = left > before * 1e-12 ? 1 / left : 0
      for row in 0..<rows { columns[place][row] *= factor }
    }
    return try Tensor(columns.flatMap(\.self), shape: [count, rows]).transpose(0, 1).contiguous()
  }

  private static func length(_ vector: [Double]) -> Double { vector.reduce(0) { $0 + $1 * $1 }.squareRoot() }

  /// Eigenvalues of a symmetric matrix, and its eigenvectors as columns, by Jacobi's rotations.
  private static func eigen(_ matrix: Tensor) throws -> (values: [Double], vectors: [[Double]]) {
    let size = matrix.shape[0]
    let all = try matrix.contiguous().array(Double.self)
    var a = (0..<size).map { Array(all[$0 * size..<($0 + 1) * size]) }
    var vectors = (0..<size).map { row in (0..<size).map { $0 == row ? 1.0 : 0 } }
    for _ in 0..<60 {
      var outside = 0.0
      for p in 0..<size { for q in 0..<p { outside += a[p][q] * a[p][q] } }
      let total = (0..<size).reduce(0) { $0 + a[$1][$1] * a[$1][$1] }
      guard outside > total * 1e-30 else { break }
      for p in 0..<size {
        for q in p + 1..<size where a[p][q] != 0 {
          let angle = 0.5 * atan2(2 * a[p][q], a[q][q] - a[p][p])
          let (c, s) = (cos(angle), sin(angle))
          for k in 0..<size { (a[k][p], a[k][q]) = (c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]) }
          for k in 0..<size { (a[p][k], a[q][k]) = (c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]) }
          for k in 0..<size {
            (vectors[k][p], vectors[k][q]) = (
              c * vectors[k][p] - s * vectors[k][q], s * vectors[k][p] + c * vectors[k][q]
            )
          }
        }
      }
    }
    return ((0..<size).map { a[$0][$0] }, vectors)
  }
}
