import Files
import OrderedCollections
import Torch

/// A value while a pickle is being read. Containers are kept in the unpickler's arena and referred to by their index, so
/// that a list that contains itself, or ten thousand nested lists, can be made and freed without recursion.
enum PickleObject {
  case none
  case boolean(Bool)
  case integer(Int)
  case float(Double)
  case string(String)
  case bytes([UInt8])
  case tuple(Int)
  case list(Int)
  /// Its keys and values alternate in the arena.
  case dictionary(Int)
  case global(PickleGlobal)
  case storage(PickleStorage)
  case tensor(StoredTensor)
  case size([Int])
  case device(String)
}

/// A storage that a pickle refers to.
struct PickleStorage {
  let storage: StoredTensor.Storage
  /// Nil for one that counts bytes.
  let dtype: DType?
  /// The number of its elements, or of its bytes where it has no dtype.
  let count: Int
}

/// The values in a pickle, made into a tree.
struct PickleTree {
  let arena: [[PickleObject]]
  let file: String
  /// More values than a pickle can have without repeating containers. Repetition would let a few hundred bytes describe a
  /// tree that is too large to walk.
  let largestCount: Int

  private var finished: [Int: (value: TorchValue, count: Int)] = [:]
  private static let deepest = 100

  init(arena: [[PickleObject]], file: String, pickleLength: Int) {
    self.arena = arena
    self.file = file
    largestCount = 1_000_000 + 4 * pickleLength
  }

  /// The tree under an object.
  /// - Throws: `FileError` if it contains itself, is absurdly deep or large, or contains something that is not a value.
  mutating func value(_ object: PickleObject) throws -> TorchValue { try convert(object, depth: 0).value }

  private mutating func convert(_ object: PickleObject, depth: Int) throws -> (value: TorchValue, count: Int) {
    guard depth < Self.deepest else {
      throw FileError(
        .unsupported, file: file,
        "nests values more than \(Self.deepest) deep, or has a container that contains itself",
        remedy: "save plain dictionaries of tensors and numbers")
    }
    switch object {
    case .none: return (.none, 1)
    case .boolean(let value): return (.boolean(value), 1)
    case .integer(let value): return (.integer(value), 1)
    case .float(let value): return (.float(value), 1)
    case .string(let value): return (.string(value), 1)
    case .bytes(let value): return (.bytes(value), 1)
    case .tensor(let value): return (.tensor(value), 1)
    case .size(let value): return (.size(value), 1)
    case .device(let value): return (.device(value), 1)
    case .global(.dtype(let value)): return (.dtype(value), 1)
    case .global: throw FileError(.unsupported, file: file, "holds a function or class as a value")
    case .storage:
      throw FileError(
        .unsupported, file: file, "holds a bare storage, not a tensor", remedy: "save tensors on it instead")
    case .tuple(let place), .list(let place), .dictionary(let place):
      if let known = finished[place] { return known }
      let members = try arena[place].map { try convert($0, depth: depth + 1) }
      let count = members.reduce(1) { $0 + $1.count }
      guard count <= largestCount else {
        throw FileError(.unsupported, file: file, "repeats its values to a tree of more than \(largestCount)")
      }
      let values = members.map(\.value)
      let result: TorchValue
      switch object {
      case .tuple: result = .tuple(values)
      case .list: result = .list(values)
      default: result = .dictionary(try dictionary(values))
      }
      finished[place] = (result, count)
      return (result, count)
    }
  }

  private func dictionary(_ members: [TorchValue]) throws -> OrderedDictionary<TorchKey, TorchValue> {
    var dictionary: OrderedDictionary<TorchKey, TorchValue> = [:]
    dictionary.reserveCapacity(members.count / 2)
    for place in stride(from: 0, to: members.count, by: 2) {
      dictionary[try key(members[place])] = members[place + 1]
    }
    return dictionary
  }

  private func key(_ value: TorchValue) throws -> TorchKey {
    switch value {
    case .none: .none
    case .boolean(let value): .boolean(value)
    case .integer(let value): .integer(value)
    case .float(let value): .float(value)
    case .string(let value): .string(value)
    case .bytes(let value): .bytes(value)
    case .tuple(let values): .tuple(try values.map(key))
    case .list, .dictionary, .tensor, .dtype, .size, .device:
      throw FileError(
        .unsupported, file: file, "has a dictionary with keys that are not strings, numbers, bytes or tuples of these")
    }
  }
}
