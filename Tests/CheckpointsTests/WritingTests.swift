import Checkpoints
import Files
import Foundation
import OrderedCollections
import OrderedJSON
import Testing
import Torch

@Suite("Writing of torch.save files")
struct WritingTests {
  @Test("What is written is read again as it was", arguments: Golden.archives)
  func roundTrip(name: String) throws {
    let scratch = try Scratch()
    let value = try TorchArchive.read(Golden.url(name))
    let url = scratch.file("a.pth")
    try TorchArchive.write(value, to: url)
    #expect(try describe(try TorchArchive.read(url)) == (try Golden.description(of: name)))
    #expect(try scratch.names == ["a.pth"])
    // The same with all sizes and offsets as 64-bit numbers, as in files of more than 4 GiB.
    try TorchArchive.write(value, to: url, wideFrom: 1)
    #expect(try describe(try TorchArchive.read(url)) == (try Golden.description(of: name)))
  }

  @Test("Equal values give equal files")
  func deterministic() throws {
    let scratch = try Scratch()
    for name in ["a.pth", "b.pth"] {
      try TorchArchive.write(try TorchArchive.read(Golden.url("nested.pth")), to: scratch.file(name))
    }
    #expect(try Data(contentsOf: scratch.file("a.pth")) == Data(contentsOf: scratch.file("b.pth")))
  }

  @Test("Storages begin at multiples of 64 bytes, and a tensor that occurs twice is written once")
  func layout() throws {
    let scratch = try Scratch()
    let url = scratch.file("a.pth")
    let first = try Tensor([1.25, 2.5, 5] as [Float])
    let tensor = try StoredTensor(first)
    try TorchArchive.write(TorchValue(stateDict: [(key: "a", value: tensor), (key: "b", value: tensor)]), to: url)
    let bytes = Array(try Data(contentsOf: url))
    let needle = try tensor.withUnsafeBytes { Array($0) }
    let places = bytes.indices.dropLast(11).filter { Array(bytes[$0..<$0 + 12]) == needle }
    #expect(places.count == 1)
    #expect(places.allSatisfy { $0 % 64 == 0 })
    let read = try #require(try TorchArchive.read(url).stateDict)
    #expect(try read.values.map { try $0.tensor().array(Float.self) } == [[1.25, 2.5, 5], [1.25, 2.5, 5]])
  }

  @Test("Tensors of LibTorch are written, views in their own order")
  func tensors() throws {
    let scratch = try Scratch()
    let url = scratch.file("a.pth")
    let matrix = try Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
    try TorchArchive.write(
      .dictionary([
        "matrix": try TorchValue(matrix), "turned": try TorchValue(try matrix.transpose(0, 1)),
        "half": try TorchValue(try matrix.to(.float16)), "step": .integer(7),
      ]), to: url)
    let read = try TorchArchive.read(url)
    #expect(try read["turned"]?.stored?.tensor().array(Float.self) == [1, 4, 2, 5, 3, 6])
    #expect(read["half"]?.stored?.dtype == .float16)
    #expect(read["step"]?.integer == 7)
  }

  @Test("A file that cannot be written leaves nothing behind")
  func failures() throws {
    let scratch = try Scratch()
    let absent = scratch.file("absent/a.pth")
    let error = try failure { try TorchArchive.write(.none, to: absent) }
    #expect(error.reason == .cannotWrite(.missingParent))
    #expect(error.isWriteFailure)
    #expect(error.file == absent.path)
    let weird = try failure {
      try Safetensors.write(
        ["__metadata__": try StoredTensor(bytes: [1], shape: [1], dtype: .uint8)], to: scratch.file("a"))
    }
    #expect(weird.reason == .cannotWrite(.invalidContents))
    #expect(throws: FileError.self) { try StoredTensor(bytes: [1], shape: [2], dtype: .uint8) }
    #expect(try scratch.names.isEmpty)
  }

  static let python = ProcessInfo.processInfo.environment["MINIMIND_REFERENCE_PYTHON"]

  @Test(
    "torch.load under its defaults, and safetensors, read what is written here",
    .enabled(if: python != nil, "MINIMIND_REFERENCE_PYTHON names no Python with torch and safetensors"))
  func readByPython() throws {
    let scratch = try Scratch()
    var files: [(url: URL, golden: String)] = []
    for name in Golden.archives {
      for wideFrom: UInt64 in [0xFFFF_FFFF, 1] {
        let url = scratch.file("\(wideFrom)-\(name)")
        try TorchArchive.write(try TorchArchive.read(Golden.url(name)), to: url, wideFrom: wideFrom)
        files.append((url, name))
      }
    }
    let sharded = try SafetensorsFolder(Golden.url("sharded"))
    var tensors: OrderedDictionary<String, StoredTensor> = [:]
    for name in sharded.names { tensors[name] = sharded[name] }
    try Safetensors.write(tensors, to: scratch.file("a.safetensors"))
    files.append((scratch.file("a.safetensors"), "sharded"))

    let read = try described(files.map(\.url))
    try #require(read.count == files.count)
    for (file, description) in zip(files, read) {
      #expect(try description == Golden.description(of: file.golden), "\(file.url.lastPathComponent)")
    }
  }

  /// What the script reads from files.
  private func described(_ urls: [URL]) throws -> [JSON] {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(Self.python))
    process.arguments =
      [root.appendingPathComponent("Tools/reference/checkpoints.py").path, "describe"] + urls.map(\.path)
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    return try text.split(separator: UInt8(ascii: "\n")).map { try JSON(parsing: $0) }
  }
}
