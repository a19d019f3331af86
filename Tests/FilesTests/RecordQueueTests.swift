import Files
import Foundation
import Testing

@Suite("Records that are written through a full disk")
struct RecordQueueTests {
  @Test(
    "What cannot be written waits, in order, and is written when there is room",
    .enabled(if: access("/dev/full", F_OK) == 0))
  func room() throws {
    let scratch = try Scratch()
    let records = try RecordQueue(URL(fileURLWithPath: "/dev/full"))
    for record in ["first\n", "second\n", "3\n"] { records.append(Array(record.utf8)) }
    #expect(records.problem?.reason == .cannotWrite(.noSpace))
    #expect(records.waitingCount == 3)
    #expect(throws: FileError.self) { try records.synchronize() }
    try records.move(to: scratch.file("log"))
    #expect(records.problem == nil)
    #expect(records.waitingCount == 0)
    records.append(Array("fourth\n".utf8))
    try records.synchronize()
    #expect(try scratch.text("log") == "first\nsecond\n3\nfourth\n")
  }

  @Test("In another place the records go on with all before them, also where the old file was removed")
  func move() throws {
    let scratch = try Scratch()
    let records = try RecordQueue(scratch.file("log"))
    records.append(Array("1\n".utf8))
    try FileManager.default.removeItem(at: scratch.file("log"))
    records.append(Array("2\n".utf8))
    try records.move(to: scratch.file("other"))
    records.append(Array("3\n".utf8))
    try records.synchronize()
    #expect(try scratch.text("other") == "1\n2\n3\n")
    #expect(throws: FileError.self) { try records.move(to: scratch.file("absent/log")) }
    records.append(Array("4\n".utf8))
    #expect(try scratch.text("other") == "1\n2\n3\n4\n")
  }
}
