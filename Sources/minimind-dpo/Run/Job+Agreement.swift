import Foundation
import Torch

/// What all processes of a job must know alike; called by all of them.
extension Job {
  /// The date of the first process, in whole seconds where there are several.
  func firstRanks(_ own: Date) throws -> Date {
    guard let communicator else { return own }
    let told = try communicator.fromFirst("\(Int(own.timeIntervalSince1970))", about: "start")
    return Date(timeIntervalSince1970: Double(told) ?? own.timeIntervalSince1970)
  }

  /// Whether something is so for the first process.
  func saysFirst(_ own: Bool) throws(TorchError) -> Bool {
    guard let group = communicator?.group else { return own }
    return try group.sum([own && isFirst ? 1 : 0])[0] > 0
  }

  /// The ranks for which something is so.
  func ranks(where isSo: Bool) throws(TorchError) -> [Int] {
    guard let group = communicator?.group else { return isSo ? [0] : [] }
    let all = try group.gather([isSo ? 1 : 0])
    return all.indices.filter { all[$0][0] > 0 }
  }

  /// The largest of all processes' numbers, and the first process that has it; nil where none has one.
  func largest(_ own: Int?) throws(TorchError) -> (rank: Int, number: Int)? {
    guard let group = communicator?.group else { return own.map { (0, $0) } }
    let all = try group.gather([own.map(Double.init) ?? -1]).map { Int($0[0]) }
    guard let number = all.max(), number >= 0, let rank = all.firstIndex(of: number) else { return nil }
    return (rank, number)
  }

  /// Whether something is so for any process.
  func saysAny(_ own: Bool) throws(TorchError) -> Bool {
    guard let group = communicator?.group else { return own }
    return try group.sum([own ? 1 : 0])[0] > 0
  }
}
