import Foundation
import OrderedJSON
import ProgramSupport
import Testing

extension Workspace {
  /// The numbers of a safetensors file of float32, all tensors in the order of the file.
  func weights(_ name: String = "out/model.safetensors") throws -> [Float] {
    let bytes = try bytes(name)
    let headerSize = bytes.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
    let numbers = bytes.dropFirst(8 + headerSize)
    return stride(from: numbers.startIndex, to: numbers.endIndex, by: 4).map { start in
      Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(numbers[start + $1]) << (8 * UInt32($1)) })
    }
  }

  /// What every record of a run with a loss says under some names.
  func curve(_ names: [String] = ["loss", "grad_norm", "rewards/margins"], of folder: String = "out") throws
    -> [[Double]]
  {
    try lines(folder + "/metrics.jsonl").filter { $0["loss"] != nil }.map { record in
      try names.map { name in
        switch record[name] {
        case .integer(let number)?: Double(number)
        case .number(let number)?: number
        default: throw MissingNumber(name: name)
        }
      }
    }
  }

  private struct MissingNumber: Error { let name: String }
}

/// ‖a − b‖ / ‖b‖
func distance(_ found: [Float], _ expected: [Float]) -> Double {
  guard found.count == expected.count, !expected.isEmpty else { return .infinity }
  let difference = zip(found, expected).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
  return (difference / expected.reduce(0.0) { $0 + pow(Double($1), 2) }).squareRoot()
}

/// Whether numbers agree within 1e-5 of the larger of each pair.
func agree(_ found: [[Double]], _ expected: [[Double]]) -> Bool {
  found.map(\.count) == expected.map(\.count)
    && zip(found.joined(), expected.joined()).allSatisfy { abs($0 - $1) <= 1e-5 * max(abs($0), abs($1), 1e-6) }
}
