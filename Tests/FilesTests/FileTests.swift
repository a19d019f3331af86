import Files
import Foundation
import Testing

@Suite("Single files: atomic, appended, mapped")
struct FileTests {
  @Test("Bytes of any kind of sequence are written whole")
  func sequences() throws {
    let scratch = try Scratch()
    let bytes = (0..<70000).map { UInt8(truncatingIfNeeded: $0 * 31) }
    for (name, write) in [
      ("array", { try writeAtomically(bytes, to: $0) }), ("data", { try writeAtomically(Data(bytes), to: $0) }),
      ("lazy", { try writeAtomically(bytes.lazy.map { $0 }, to: $0) }),
      ("slice", { try writeAtomically(([0] + bytes).dropFirst(), to: $0) }),
    ] as [(String, (URL) throws -> Void)] {
      try write(scratch.file(name))
      #expect(try Data(contentsOf: scratch.file(name)) == Data(bytes), "\(name)")
    }
    #expect(try scratch.names == ["array", "data", "lazy", "slice"])
  }

  @Test("Records are appended to what is there, or to a file that was emptied")
  func appending() throws {
    let scratch = try Scratch()
    try scratch.write(Array("old\n".utf8), to: "log")
    let first = try AppendingFile(scratch.file("log"))
    try first.append(Array("1\n".utf8))
    let second = try AppendingFile(scratch.file("log"))
    try second.append(Array("2\n".utf8))
    try first.append(Array("3\n".utf8))
    try first.synchronize()
    #expect(try scratch.text("log") == "old\n1\n2\n3\n")
    try AppendingFile(scratch.file("log"), emptying: true).append(Array("4\n".utf8))
    #expect(try scratch.text("log") == "4\n")
  }

  @Test("Records that cannot be written are errors that name the file", .enabled(if: access("/dev/full", F_OK) == 0))
  func full() throws {
    let error = try failure { try AppendingFile(URL(fileURLWithPath: "/dev/full")).append([1]) }
    #expect(error.reason == .cannotWrite(.noSpace))
    #expect(error.file == "/dev/full")
    let scratch = try Scratch()
    let absent = try failure { _ = try AppendingFile(scratch.file("absent/log")) }
    #expect(absent.reason == .cannotWrite(.missingParent))
  }

  @Test("A mapped file has the file's bytes; writing to the mapping leaves the file as it is")
  func mapping() throws {
    let scratch = try Scratch()
    try scratch.write([1, 2, 3], to: "bytes")
    let mapped = try MappedFile(scratch.file("bytes"))
    #expect(Array(mapped.bytes) == [1, 2, 3])
    mapped.bytes[0] = 9
    #expect(try Array(Data(contentsOf: scratch.file("bytes"))) == [1, 2, 3])
    try scratch.write([], to: "empty")
    #expect(try MappedFile(scratch.file("empty")).bytes.isEmpty)
    #expect(try failure { _ = try MappedFile(scratch.file("absent")) }.reason == .missing)
    #expect(try failure { _ = try MappedFile(scratch.url) }.reason == .unreadable)
  }

  @Test("Folders are made with those above them; one that is there is left, and a file in the way is named")
  func folders() throws {
    let scratch = try Scratch()
    try makeFolder(scratch.file("a/b/c"))
    try scratch.write([1], to: "a/b/c/file")
    try makeFolder(scratch.file("a/b/c"))
    #expect(try scratch.names == ["a"])
    #expect(FileManager.default.fileExists(atPath: scratch.file("a/b/c/file").path))
    let file = try failure { try makeFolder(scratch.file("a/b/c/file")) }
    #expect(file.reason == .cannotWrite(.alreadyExists) && file.file == scratch.file("a/b/c/file").path)
    let below = try failure { try makeFolder(scratch.file("a/b/c/file/d")) }
    #expect(below.reason == .cannotWrite(.missingParent) && below.description.contains("not a folder"))
  }
}
