import Foundation
import OrderedJSON

extension TokenizedPair {
  /// The pair as an object of the `data --dump` file: `index`, `chosen_ids`, `rejected_ids`, `chosen_mask` and
  /// `rejected_mask` (1 for a target, on the token itself), `shared_prefix`, and `dropped`: false for a pair that is
  /// trained on, else true, and then `reason` says why in words.
  public var json: JSON {
    var members: JSON = [
      "index": .integer(index),
      "chosen_ids": .array(chosenIDs.map { .integer(Int($0)) }),
      "rejected_ids": .array(rejectedIDs.map { .integer(Int($0)) }),
      "chosen_mask": .array(chosenTargets.map { .integer($0 ? 1 : 0) }),
      "rejected_mask": .array(rejectedTargets.map { .integer($0 ? 1 : 0) }),
      "shared_prefix": .integer(sharedPrefix),
      "dropped": .bool(dropReason != nil),
    ]
    if let dropReason, case .object(var object) = members {
      object["reason"] = .string(dropReason.rawValue)
      members = .object(object)
    }
    return members
  }
}

extension TokenizedPairs {
  /// Writes all pairs, the dropped ones too, as JSONL in file order; see `TokenizedPair.json` for a line.
  /// - Parameter write: takes the bytes, about a megabyte at a time.
  public func dump(_ write: (Data) throws -> Void) rethrows {
    var buffer = Data()
    for pair in pairs {
      buffer.append(contentsOf: pair.json.serialized(.compact).utf8)
      buffer.append(UInt8(ascii: "\n"))
      if buffer.count > 1 << 20 {
        try write(buffer)
        buffer.removeAll(keepingCapacity: true)
      }
    }
    if !buffer.isEmpty { try write(buffer) }
  }
}
