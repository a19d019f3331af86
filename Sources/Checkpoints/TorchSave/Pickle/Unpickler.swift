import Files
import Torch

/// Reads pickles: makes values and executes nothing.
///
/// It knows the opcodes that `torch.save` writes under protocols 2 to 4 (Python's `pickletools` describes them), and only
/// the globals of `PickleGlobal`. Every read is checked against the end of the pickle.
struct Unpickler {
  /// Finds the storage of a key.
  typealias StorageLoader = (_ key: String, _ byteCount: Int) throws -> StoredTensor.Storage

  let pickle: UnsafeRawBufferPointer
  let file: String
  let loadStorage: StorageLoader

  var position = 0
  var stack: [PickleObject] = []
  /// The heights of the stack at its open marks.
  private var marks: [Int] = []
  private var memo: [UInt32: PickleObject] = [:]
  /// The members of tuples and lists; of dictionaries, keys and values in turn.
  var arena: [[PickleObject]] = []

  init(_ pickle: UnsafeRawBufferPointer, file: String, loadStorage: @escaping StorageLoader) {
    self.pickle = pickle
    self.file = file
    self.loadStorage = loadStorage
  }

  /// Reads the one value that a pickle holds.
  /// - Throws: `FileError` for a damaged pickle or one with anything that is not allowed.
  mutating func value() throws -> TorchValue {
    while true {
      let opcode = try readByte()
      if opcode == UInt8(ascii: ".") { break }
      try run(opcode)
    }
    guard stack.count == 1, marks.isEmpty else { throw damaged("it does not end with one value") }
    var tree = PickleTree(arena: arena, file: file, pickleLength: pickle.count)
    return try tree.value(stack[0])
  }

  func damaged(_ problem: String) -> FileError {
    .damaged(file, "the pickle is damaged at byte \(position): \(problem)")
  }

  private mutating func run(_ opcode: UInt8) throws {
    switch PickleOpcode(rawValue: opcode) {
    case .protocolVersion:
      let version = try readByte()
      guard (2...4).contains(version) else {
        throw FileError(
          .unsupported, file: file, "uses pickle protocol \(version), and 2 to 4 are supported",
          remedy: "save it with torch.save's default protocol")
      }
    case .frame: _ = try readInteger(UInt64.self)  // only a hint for buffering

    case .noneValue: stack.append(.none)
    case .newTrue: stack.append(.boolean(true))
    case .newFalse: stack.append(.boolean(false))
    case .byte: stack.append(.integer(Int(try readByte())))
    case .twoBytes: stack.append(.integer(Int(try readInteger(UInt16.self))))
    case .fourBytes: stack.append(.integer(Int(try readInteger(Int32.self))))
    case .long1: stack.append(.integer(try readLong(Int(try readByte()))))
    case .float: stack.append(.float(Double(bitPattern: try readInteger(UInt64.self).byteSwapped)))
    case .unicode1: stack.append(.string(try readString(Int(try readByte()))))
    case .unicode4: stack.append(.string(try readString(Int(try readInteger(UInt32.self)))))
    case .unicode8: stack.append(.string(try readString(Int(clamping: try readInteger(UInt64.self)))))
    case .bytes1: stack.append(.bytes(Array(try read(Int(try readByte())))))
    case .bytes4: stack.append(.bytes(Array(try read(Int(try readInteger(UInt32.self))))))
    case .bytes8: stack.append(.bytes(Array(try read(Int(clamping: try readInteger(UInt64.self))))))

    case .mark: marks.append(stack.count)
    case .emptyTuple: stack.append(.tuple(newContainer([])))
    case .tuple1: try makeTuple(of: 1)
    case .tuple2: try makeTuple(of: 2)
    case .tuple3: try makeTuple(of: 3)
    case .tuple: stack.append(.tuple(newContainer(try popMark())))
    case .emptyList: stack.append(.list(newContainer([])))
    case .append: try append([try pop()])
    case .appends: try append(try popMark())
    case .emptyDictionary: stack.append(.dictionary(newContainer([])))
    case .setItem:
      let value = try pop()
      try setItems([try pop(), value])
    case .setItems: try setItems(try popMark())

    case .put1: memo[UInt32(try readByte())] = try top()
    case .put4: memo[try readInteger(UInt32.self)] = try top()
    case .memoize: memo[UInt32(truncatingIfNeeded: memo.count)] = try top()
    case .get1: stack.append(try recall(UInt32(try readByte())))
    case .get4: stack.append(try recall(try readInteger(UInt32.self)))

    case .global:
      let module = try readLine()
      stack.append(.global(try global(module: module, name: try readLine())))
    case .stackGlobal:
      guard case .string(let name) = try pop(), case .string(let module) = try pop() else {
        throw damaged("a global without a name")
      }
      stack.append(.global(try global(module: module, name: name)))
    case .reduce:
      let arguments = try elements(try pop())
      guard case .global(let function) = try pop() else { throw damaged("a call of what is no function") }
      stack.append(try call(function, arguments))
    case .build:
      // The attributes of an OrderedDict (`_metadata` with the versions of modules): no weight depends on them.
      guard case .dictionary = try pop(), case .dictionary = try top() else {
        throw FileError(
          .unsupported, file: file, "sets attributes of a value that is not a dictionary",
          remedy: "save plain dictionaries of tensors and numbers")
      }
    case .persistentID: stack.append(try storage(try elements(try pop())))

    case nil:
      throw damaged("the opcode 0x\(String(opcode, radix: 16)), which torch.save does not write")
    }
  }

  private func global(module: String, name: String) throws -> PickleGlobal {
    guard let global = PickleGlobal(module: module, name: name) else {
      throw PickleGlobal.refusal(module: module, name: name, file: file)
    }
    return global
  }
}

// MARK: - The stack, the marks and the memo

extension Unpickler {
  private func top() throws -> PickleObject {
    guard let object = stack.last, stack.count > marks.last ?? 0 else { throw damaged("a value is missing") }
    return object
  }

  private mutating func pop() throws -> PickleObject {
    let object = try top()
    stack.removeLast()
    return object
  }

  /// Removes and returns the values above the innermost mark, and closes the mark.
  private mutating func popMark() throws -> [PickleObject] {
    guard let height = marks.popLast() else { throw damaged("a mark is missing") }
    let objects = Array(stack[height...])
    stack.removeLast(objects.count)
    return objects
  }

  private func recall(_ place: UInt32) throws -> PickleObject {
    guard let object = memo[place] else { throw damaged("a value is used before it was made") }
    return object
  }

  private mutating func newContainer(_ members: [PickleObject]) -> Int {
    arena.append(members)
    return arena.count - 1
  }

  mutating func newDictionary() -> PickleObject { .dictionary(newContainer([])) }

  private mutating func makeTuple(of count: Int) throws {
    guard stack.count - (marks.last ?? 0) >= count else { throw damaged("a value is missing") }
    let members = Array(stack.suffix(count))
    stack.removeLast(count)
    stack.append(.tuple(newContainer(members)))
  }

  private mutating func append(_ objects: [PickleObject]) throws {
    guard case .list(let place) = try top() else { throw damaged("an element for something that is not a list") }
    arena[place] += objects
  }

  private mutating func setItems(_ objects: [PickleObject]) throws {
    guard case .dictionary(let place) = try top(), objects.count.isMultiple(of: 2) else {
      throw damaged("keys and values for something that is not a dictionary")
    }
    arena[place] += objects
  }
}

// MARK: - Reading

extension Unpickler {
  private mutating func read(_ count: Int) throws -> UnsafeRawBufferPointer {
    guard count <= pickle.count - position else { throw damaged("it ends too early") }
    defer { position += count }
    return UnsafeRawBufferPointer(rebasing: pickle[position..<position + count])
  }

  private mutating func readByte() throws -> UInt8 { try read(1)[0] }

  private mutating func readInteger<T: FixedWidthInteger>(_ type: T.Type) throws -> T {
    T(littleEndian: try read(MemoryLayout<T>.size).loadUnaligned(as: T.self))
  }

  /// An integer of any length, little-endian, in two's complement.
  private mutating func readLong(_ count: Int) throws -> Int {
    let bytes = try read(count)
    guard count <= 8 else {
      throw FileError(.unsupported, file: file, "has an integer of \(count) bytes; at most 8 are supported")
    }
    let negative = bytes.last.map { $0 >= 0x80 } ?? false
    return bytes.reversed().reduce(negative ? -1 : 0) { $0 << 8 | Int($1) }
  }

  private mutating func readString(_ count: Int) throws -> String {
    guard let text = String(validating: try read(count), as: UTF8.self) else {
      throw damaged("a string that is not UTF-8")
    }
    return text
  }

  private mutating func readLine() throws -> String {
    guard let length = pickle[position...].firstIndex(of: UInt8(ascii: "\n")).map({ $0 - position }) else {
      throw damaged("it ends too early")
    }
    let text = try readString(length)
    position += 1
    return text
  }
}
