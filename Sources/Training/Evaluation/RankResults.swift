import Preferences
import Torch

/// Numbers of pairs that each rank measured for its share of them, brought together in the order of the pairs. They are the
/// same bits however the pairs were dealt: nothing is added up but zeros.
struct RankResults {
  private let indices: [Int]
  private let places: [Int: Int]
  /// Numbers of a pair, after a 1 where it was measured.
  private let width: Int
  private var table: [Double]

  /// - Parameter width: numbers of a pair
  init(of pairs: [TokenizedPair], width: Int) {
    indices = pairs.map(\.index)
    places = Dictionary(indices.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    self.width = width + 1
    table = [Double](repeating: 0, count: (width + 1) * pairs.count)
  }

  /// Takes what this process measured.
  ///
  /// - Parameter columns: of each number that of every pair
  mutating func add(_ columns: [[Double]], of measured: [Int]) {
    for (row, index) in measured.enumerated() {
      guard let place = places[index] else { continue }
      table[place * width] = 1
      for (column, numbers) in columns.enumerated() { table[place * width + 1 + column] = numbers[row] }
    }
  }

  /// What all ranks measured, in the order of the pairs; pairs that none measured are left out.
  func gathered(over ranks: Ranks?) throws(TorchError) -> [(index: Int, numbers: [Double])] {
    guard !table.isEmpty else { return [] }
    let all = try ranks.sum(table)
    return indices.indices.filter { all[$0 * width] > 0 }.map {
      (indices[$0], Array(all[$0 * width + 1..<($0 + 1) * width]))
    }
  }
}
