import Files
import Torch

extension Unpickler {
  /// What a call of one of the allowed globals stands for.
  mutating func call(_ function: PickleGlobal, _ arguments: [PickleObject]) throws -> PickleObject {
    switch function {
    case .orderedDict:
      guard arguments.isEmpty else { throw unexpected("an OrderedDict") }
      return newDictionary()
    case .rebuildTensor, .rebuildTensorV2, .rebuildTensorV3:
      return .tensor(try tensor(function, arguments))
    case .rebuildParameter, .rebuildParameterWithState:
      // A Parameter is read as its tensor; gradients and hooks do not matter for weights.
      guard case .tensor? = arguments.first else { throw unexpected("a Parameter") }
      return arguments[0]
    case .size:
      guard arguments.count == 1 else { throw unexpected("a torch.Size") }
      return .size(try integers(arguments[0]))
    case .device:
      switch (arguments.first, arguments.dropFirst().first) {
      case (.string(let type), nil): return .device(type)
      case (.string(let type), .integer(let index)): return .device("\(type):\(index)")
      default: throw unexpected("a torch.device")
      }
    case .encode:
      guard arguments.count == 2, case .string(let text) = arguments[0], case .string("latin1") = arguments[1] else {
        throw unexpected("bytes")
      }
      let bytes = text.unicodeScalars.compactMap { UInt8(exactly: $0.value) }
      guard bytes.count == text.unicodeScalars.count else { throw unexpected("bytes") }
      return .bytes(bytes)
    case .bytes:
      guard arguments.isEmpty else { throw unexpected("bytes") }
      return .bytes([])
    case .storage, .dtype:
      throw damaged("a call of a type")
    }
  }

  /// The members of a tuple, list or dictionary.
  func elements(_ object: PickleObject) throws -> [PickleObject] {
    guard case .tuple(let place) = object else { throw damaged("something else where a tuple is needed") }
    return arena[place]
  }

  /// The storage that a persistent id names: `("storage", type, key, location, count)`.
  mutating func storage(_ id: [PickleObject]) throws -> PickleObject {
    guard id.count == 5, case .string("storage") = id[0], case .global(.storage(let dtype)) = id[1],
      case .string(let key) = id[2], case .string = id[3], case .integer(let count) = id[4]
    else { throw unexpected("a storage") }
    let (byteCount, overflow) = count.multipliedReportingOverflow(by: dtype?.byteCount ?? 1)
    guard count >= 0, !overflow else { throw damaged("a storage of \(count) elements") }
    return .storage(PickleStorage(storage: try loadStorage(key, byteCount), dtype: dtype, count: count))
  }

  /// `_rebuild_tensor(storage, offset, size, stride)`; version 2 adds `requires_grad, hooks[, metadata]`; version 3
  /// `requires_grad, hooks, dtype[, metadata]` on an untyped storage. The metadata are the marks of lazily conjugated or
  /// negated tensors, whose bytes are not their values.
  private func tensor(_ function: PickleGlobal, _ arguments: [PickleObject]) throws -> StoredTensor {
    var counts = 4...4
    if case .rebuildTensorV2 = function { counts = 6...7 }
    if case .rebuildTensorV3 = function { counts = 7...8 }
    guard counts.contains(arguments.count), case .storage(let storage) = arguments[0],
      case .integer(let offset) = arguments[1]
    else { throw unexpected("a tensor") }
    var dtype = storage.dtype
    if case .rebuildTensorV3 = function {
      guard case .global(.dtype(let named)) = arguments[6] else { throw unexpected("a tensor") }
      dtype = named
    }
    if arguments.count == counts.upperBound, counts.count > 1 {
      switch arguments[counts.upperBound - 1] {
      case .none: break
      case .dictionary(let place) where arena[place].isEmpty: break
      default:
        throw FileError(
          .unsupported, file: file, "holds a lazily conjugated or negated tensor",
          remedy: "save tensor.resolve_conj().resolve_neg()")
      }
    }
    guard let dtype, storage.dtype == nil || storage.dtype == dtype else { throw unexpected("a tensor") }
    return try StoredTensor(
      dtype, shape: try integers(arguments[2]), strides: try integers(arguments[3]), offset: offset,
      on: storage.storage, elements: storage.dtype == nil ? storage.count / dtype.byteCount : storage.count)
  }

  private func integers(_ object: PickleObject) throws -> [Int] {
    if case .size(let lengths) = object { return lengths }
    return try elements(object).map {
      guard case .integer(let value) = $0 else { throw damaged("a length that is not an integer") }
      return value
    }
  }

  private func unexpected(_ what: String) -> FileError {
    damaged("\(what) is not described as torch describes it")
  }
}
