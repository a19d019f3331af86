import OrderedCollections
import Torch

/// Writes values as `torch.save` pickles them: protocol 2, storages outside the pickle under numbers.
struct Pickler {
  /// The storages outside the pickle; the index is the storage's key.
  private(set) var storages: [StoredTensor] = []
  private(set) var pickle: [UInt8] = [0x80, 2]
  private var memo: [String: UInt32] = [:]
  private var keys: [StorageIdentity: Int] = [:]

  /// Two tensors with the same identity, such as an embedding that is also the head, are written once.
  private struct StorageIdentity: Hashable {
    let address: UInt
    let count: Int
    let dtype: DType
  }

  /// The pickle of a value.
  init(_ value: TorchValue) throws {
    try write(value)
    emit(".")
  }

  private mutating func write(_ value: TorchValue) throws {
    switch value {
    case .none: emit("N")
    case .boolean(let value): pickle.append(value ? 0x88 : 0x89)
    case .integer(let value): write(value)
    case .float(let value):
      emit("G")
      pickle += withUnsafeBytes(of: value.bitPattern.bigEndian, Array.init)
    case .string(let text): write(text)
    case .bytes(let bytes): write(bytes)
    case .list(let elements):
      emit("]")
      guard !elements.isEmpty else { return }
      emit("(")
      for element in elements { try write(element) }
      emit("e")
    case .tuple(let elements):
      try writeTuple(elements.count) { for element in elements { try $0.write(element) } }
    case .dictionary(let members):
      emit("}")
      guard !members.isEmpty else { return }
      emit("(")
      for (key, value) in members {
        try write(TorchValue(key))
        try write(value)
      }
      emit("u")
    case .tensor(let tensor): try write(tensor)
    case .dtype(let dtype): writeGlobal("torch", DTypeName.of(dtype).torch)
    case .size(let lengths):
      call("torch", "Size") { $0.writeTuple(1) { $0.writeTuple(of: lengths) } }
    case .device(let name):
      call("torch", "device") { $0.writeTuple(1) { $0.write(name) } }
    }
  }

  /// `_rebuild_tensor_v2(storage, 0, size, stride, False, OrderedDict())`, with a storage of its elements only.
  private mutating func write(_ tensor: StoredTensor) throws {
    let key = try key(of: tensor)
    call("torch._utils", "_rebuild_tensor_v2") {
      $0.writeTuple(6) {
        $0.writeTuple(5) {
          $0.write("storage")
          $0.writeGlobal("torch", DTypeName.of(tensor.dtype).storage)
          $0.write(String(key))
          $0.write("cpu")
          $0.write(tensor.count)
        }
        $0.emit("Q")  // the tuple is a persistent id
        $0.write(0)
        $0.writeTuple(of: tensor.shape)
        $0.writeTuple(of: StoredTensor.contiguousStrides(of: tensor.shape))
        $0.pickle.append(0x89)
        $0.call("collections", "OrderedDict") { $0.writeTuple(0) { _ in } }
      }
    }
  }

  private mutating func key(of tensor: StoredTensor) throws -> Int {
    let next = storages.count
    // A view that has to be gathered has no lasting address.
    if tensor.isContiguous, tensor.byteCount > 0 {
      let address = try tensor.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
      let identity = StorageIdentity(address: address, count: tensor.count, dtype: tensor.dtype)
      if let known = keys[identity] { return known }
      keys[identity] = next
    }
    storages.append(tensor)
    return next
  }
}

// MARK: - The opcodes

extension Pickler {
  private mutating func emit(_ opcode: Unicode.Scalar) { pickle.append(UInt8(ascii: opcode)) }

  private mutating func emit(_ value: UInt32) { pickle += withUnsafeBytes(of: value.littleEndian, Array.init) }

  private mutating func write(_ value: Int) {
    if let byte = UInt8(exactly: value) {
      emit("K")
      pickle.append(byte)
    } else if let short = Int32(exactly: value) {
      emit("J")
      emit(UInt32(bitPattern: short))
    } else {
      pickle += [0x8A, 8]
      pickle += withUnsafeBytes(of: value.littleEndian, Array.init)
    }
  }

  private mutating func write(_ text: String) {
    emit("X")
    emit(UInt32(text.utf8.count))
    pickle += text.utf8
  }

  /// Protocol 2 has no bytes: they are text whose scalars are the bytes, encoded as Latin-1.
  private mutating func write(_ bytes: [UInt8]) {
    call("_codecs", "encode") {
      $0.writeTuple(2) {
        $0.write(String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) })))
        $0.write("latin1")
      }
    }
  }

  private mutating func writeTuple(of values: [Int]) {
    writeTuple(values.count) { for value in values { $0.write(value) } }
  }

  private mutating func writeTuple(_ count: Int, _ members: (inout Pickler) throws -> Void) rethrows {
    if count > 3 { emit("(") }
    try members(&self)
    switch count {
    case 0: emit(")")
    case 1...3: pickle.append(0x84 + UInt8(count))
    default: emit("t")
    }
  }

  /// Writes a global; from the second time on by its index in the memo.
  private mutating func writeGlobal(_ module: String, _ name: String) {
    let line = "c\(module)\n\(name)\n"
    if let place = memo[line] {
      emit("j")
      emit(place)
    } else {
      let place = UInt32(memo.count)
      memo[line] = place
      pickle += line.utf8
      emit("r")
      emit(place)
    }
  }

  private mutating func call(_ module: String, _ name: String, arguments: (inout Pickler) -> Void) {
    writeGlobal(module, name)
    arguments(&self)
    emit("R")
  }
}

extension TorchValue {
  /// A key as a value.
  init(_ key: TorchKey) {
    switch key {
    case .none: self = .none
    case .boolean(let value): self = .boolean(value)
    case .integer(let value): self = .integer(value)
    case .float(let value): self = .float(value)
    case .string(let value): self = .string(value)
    case .bytes(let value): self = .bytes(value)
    case .tuple(let values): self = .tuple(values.map { TorchValue($0) })
    }
  }
}
