import Checkpoints
import Files
import Foundation
import OrderedJSON
import Testing
import Torch

/// A minimal writer of archives around pickles that torch would never write.
private enum Forged {
  /// An archive with a pickle and storages of these sizes.
  static func archive(_ pickle: [UInt8], storages: [[UInt8]] = []) -> [UInt8] {
    var entries = [("a/data.pkl", pickle), ("a/byteorder", Array("little".utf8))]
    entries += storages.enumerated().map { ("a/data/\($0)", $1) }
    var file: [UInt8] = []
    var directory: [UInt8] = []
    for (name, bytes) in entries {
      let offset = UInt32(file.count)
      let fields =
        [20, 0, 0, 0, 0, 0, 0, 0].map(UInt8.init) + [0, 0] + [0, 0, 0, 0] + little(UInt32(bytes.count))
        + little(UInt32(bytes.count)) + little(UInt16(name.utf8.count)) + [0, 0]
      file += [0x50, 0x4B, 3, 4] + fields + Array(name.utf8) + bytes
      directory += [0x50, 0x4B, 1, 2, 20, 0] + fields + [UInt8](repeating: 0, count: 10) + little(offset)
      directory += Array(name.utf8)
    }
    let count = little(UInt16(entries.count))
    let end =
      [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + count + count + little(UInt32(directory.count)) + little(UInt32(file.count))
    return file + directory + end + [0, 0]
  }

  static func little<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian, Array.init)
  }

  static func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }

  static func text(_ text: String) -> [UInt8] { [0x58] + little(UInt32(text.utf8.count)) + Array(text.utf8) }

  static func integer(_ value: Int) -> [UInt8] { [0x8A, 8] + little(value) }

  static func tuple(_ members: [UInt8]...) -> [UInt8] { [0x28] + members.flatMap { $0 } + [0x74] }

  /// A tensor over storage 0, a FloatStorage of `count` elements.
  static func tensor(count: Int, offset: Int, shape: [Int], strides: [Int]) -> [UInt8] {
    let storage =
      tuple(text("storage"), global("torch", "FloatStorage"), text("0"), text("cpu"), integer(count)) + [0x51]
    let sizes = [0x28] + shape.flatMap(integer) + [0x74]
    let steps = [0x28] + strides.flatMap(integer) + [0x74]
    let hooks = global("collections", "OrderedDict") + [0x29, 0x52]
    return global("torch._utils", "_rebuild_tensor_v2") + tuple(storage, integer(offset), sizes, steps, [0x89], hooks)
      + [0x52]
  }
}

@Suite("Hostile torch.save files")
struct HostileArchiveTests {
  private func read(_ pickle: [UInt8], storages: [[UInt8]] = []) throws -> TorchValue {
    let scratch = try Scratch()
    let url = try scratch.write(Forged.archive([0x80, 2] + pickle, storages: storages), to: "a.pth")
    return try TorchArchive.read(url, verifyingChecksums: false)  // forged entries have none
  }

  private func refusal(_ pickle: [UInt8], storages: [[UInt8]] = []) throws -> FileError {
    try failure { _ = try read(pickle, storages: storages) }
  }

  @Test("Forged archives that are valid are read")
  func sound() throws {
    let storage = [UInt8](repeating: 0, count: 16)
    let tensor = Forged.tensor(count: 4, offset: 1, shape: [3], strides: [1])
    #expect(try read(tensor + [0x2E], storages: [storage]).stored?.shape == [3])
    #expect(try read([0x4E, 0x2E]).isNone)
  }

  @Test(
    "Globals beyond those of weights are refused by name, and nothing is run",
    arguments: [
      ("os", "system"), ("builtins", "eval"), ("torch", "load"), ("torch.hub", "load"), ("torch.nn", "Linear"),
      ("collections", "Counter"), ("numpy.core.multiarray", "scalar"), ("argparse", "Namespace"),
    ])
  func globals(module: String, name: String) throws {
    let error = try refusal(Forged.global(module, name) + Forged.text("true") + [0x85, 0x52, 0x2E])
    #expect(error.reason == .unsupported)
    #expect(error.description.contains("\(module).\(name)"))
    // The same by the opcode of protocol 4.
    let stacked = try refusal(Forged.text(module) + Forged.text(name) + [0x93, 0x2E])
    #expect(stacked.description.contains("\(module).\(name)"))
  }

  @Test(
    "A view that does not fit its storage is refused",
    arguments: [
      (0, [5], [1]), (1, [4], [1]), (4, [1], [1]), (-1, [1], [1]), (0, [2], [-1]), (0, [2, 2], [3, 1]),
      (0, [-1], [1]), (0, [2], [1 << 62]), (0, [1 << 60], [1]), (0, [1 << 60], [0]), (0, [1 << 40], [0]),
      (0, [1 << 40, 1 << 40], [0, 0]), (0, [2, 2], [1]), (Int.max, [2], [1]), (0, [0, 1 << 62, 8], [1, 1, 1]),
    ] as [(Int, [Int], [Int])])
  func views(offset: Int, shape: [Int], strides: [Int]) throws {
    let tensor = Forged.tensor(count: 4, offset: offset, shape: shape, strides: strides)
    let error = try refusal(tensor + [0x2E], storages: [[UInt8](repeating: 0, count: 16)])
    #expect(error.reason == .damaged)
    #expect(error.description.contains("tensor"), "\(error)")
  }

  @Test(
    "A storage whose size is not the declared one, or that is missing, is refused",
    arguments: [5, 3, -1, 1 << 60, Int.max])
  func storages(count: Int) throws {
    let tensor = Forged.tensor(count: count, offset: 0, shape: [1], strides: [1])
    #expect(try refusal(tensor + [0x2E], storages: [[UInt8](repeating: 0, count: 16)]).reason == .damaged)
    #expect(try refusal(tensor + [0x2E]).reason == .damaged)
  }

  @Test("Pickles that end too early, use values before making them, or have too many values are refused")
  func broken() throws {
    let broken: [[UInt8]] = [
      [], [0x2E], [0x4E], [0x4E, 0x4E, 0x2E], [0x28, 0x4E, 0x2E], [0x74, 0x2E], [0x85, 0x2E], [0x68, 0, 0x2E],
      [0x71, 0, 0x2E], [0x4E, 0x61, 0x2E], [0x4E, 0x4E, 0x61, 0x2E], [0x7D, 0x28, 0x4E, 0x75, 0x2E],
      [0x4E, 0x52, 0x2E],
      [0x4E, 0x29, 0x52, 0x2E], [0x29, 0x51, 0x2E], [0x58, 0xFF, 0xFF, 0xFF, 0xFF, 0x2E],
      [0x58, 1, 0, 0, 0, 0xFF, 0x2E],
      [0x8D] + [UInt8](repeating: 0xFF, count: 8) + [0x2E], [0x8E] + [UInt8](repeating: 0xFF, count: 8) + [0x2E],
      [0x63, 0x61, 0x2E], [0x8A, 9] + [UInt8](repeating: 1, count: 9) + [0x2E], [0x80, 5, 0x4E, 0x2E],
      [0x49, 0x31, 0x0A, 0x2E],
      [0x4E, 0x7D, 0x62, 0x2E], [0x28, 0x4E, 0x71, 0, 0x52, 0x2E], [0x7D, 0x5D, 0x4E, 0x73, 0x2E],
    ]
    for pickle in broken { #expect(try refusal(pickle).isBadData, "\(pickle)") }
  }

  @Test("Absurd depth and repetition are refused before they cost anything")
  func bombs() throws {
    // A hundred thousand nested tuples.
    #expect(try refusal([0x29] + [UInt8](repeating: 0x85, count: 100_000) + [0x2E]).description.contains("deep"))
    // Lists of which each holds the one before twice: 2 to the 60th values in a few hundred bytes.
    var pickle: [UInt8] = [0x5D, 0x71, 0]
    for level in 1...60 as ClosedRange<UInt8> {
      pickle += [0x5D, 0x71, level, 0x28, 0x68, level - 1, 0x68, level - 1, 0x65]
    }
    #expect(try refusal(pickle + [0x2E].map { $0 }).isBadData)
    // A hundred thousand lists, each put into the one before by way of the memo.
    var chain: [UInt8] = []
    for place in 0..<100_000 as Range<UInt32> { chain += [0x5D, 0x72] + Forged.little(place) }
    for _ in 1..<100_000 { chain += [0x61] }
    #expect(try refusal(chain + [0x2E]).description.contains("deep"))
    // A list in a cycle of two.
    let cycle: [UInt8] = [0x5D, 0x71, 0, 0x5D, 0x71, 1, 0x68, 0, 0x61, 0x61, 0x2E]
    #expect(try refusal(cycle).description.contains("itself"))
  }

  @Test("A zip directory that contradicts the file is refused")
  func directories() throws {
    let scratch = try Scratch()
    let sound = Forged.archive([0x80, 2, 0x4E, 0x2E])
    let directory = try #require(sound.indices.dropLast(4).first { Array(sound[$0..<$0 + 4]) == [0x50, 0x4B, 1, 2] })
    let end = sound.count - 22
    // Place in the file, new value.
    let changes: [(Int, UInt8)] = [
      (directory + 10, 8),  // compressed
      (directory + 8, 1),  // encrypted
      (directory + 24, 9), (directory + 20, 9),  // sizes that differ
      (directory + 45, 0x7F),  // a place beyond the file
      (directory + 42, 1),  // a place where no header is
      (directory + 28, 5), (directory + 46, 0x62),  // another name
      (end + 10, 9), (end + 12, 1), (end + 16, 1), (end + 19, 0x7F), (end + 20, 1), (end, 0),
    ]
    for (place, value) in changes {
      var bytes = sound
      bytes[place] = value
      let url = try scratch.write(bytes, to: "a.pth")
      #expect(try failure { _ = try TorchArchive.read(url, verifyingChecksums: false) }.isBadData, "byte \(place)")
    }
    for length in 0..<sound.count {
      let url = try scratch.write(Array(sound[..<length]), to: "a.pth")
      #expect(try failure { _ = try TorchArchive.read(url, verifyingChecksums: false) }.isBadData)
    }
  }

  @Test("Entries that overlap, or occur twice, are refused")
  func overlap() throws {
    let scratch = try Scratch()
    let storage: [UInt8] = [1, 2, 3, 4]
    var bytes = Forged.archive([0x80, 2, 0x4E, 0x2E], storages: [storage, storage])
    // The name of the second storage, in both places, becomes that of the first.
    for place in bytes.indices.dropLast(8) where Array(bytes[place..<place + 8]) == Array("a/data/1".utf8) {
      bytes[place + 7] = UInt8(ascii: "0")
    }
    let twice = try scratch.write(bytes, to: "twice.pth")
    #expect(try failure { _ = try TorchArchive.read(twice, verifyingChecksums: false) }.description.contains("twice"))
  }
}
