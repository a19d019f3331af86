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

  /// Whether something is so for any process.
  func saysAny(_ own: Bool) throws(TorchError) -> Bool {
    guard let group = communicator?.group else { return own }
    return try group.sum([own ? 1 : 0])[0] > 0
  }
}
