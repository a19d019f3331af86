import Foundation
import Observability
import Testing

@Suite("TensorBoard's event files")
struct TensorBoardTests {
  @Test("CRC-32C gives the values of RFC 3720, appendix B.4, and of the usual check string")
  func checksums() {
    #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xE306_9283)
    #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
    #expect(CRC32C.checksum(0..<32) == 0x46DD_794E)
    #expect(CRC32C.checksum((0..<32).reversed()) == 0x113F_DB5C)
    #expect(CRC32C.checksum([]) == 0)
  }

  @Test("A record is byte for byte what TensorBoard's own library writes")
  func golden() throws {
    let records = try written { folder in
      let writer = try TensorBoardWriter(folder: folder, at: Date(timeIntervalSince1970: 1.5))
      try writer.append(
        MetricsRecord(step: 300, ["loss": 0.6875, "eval_rewards/accuracies": 0.75]),
        at: Date(timeIntervalSince1970: 2.25))
    }
    // Printed by Tools/reference/tensorboard_events.py --golden.
    #expect(
      records.map(hexadecimal) == [
        "09000000000000f83f1a0d627261696e2e4576656e743a32520e0a0c6d696e696d696e642d64706f",
        "09000000000000024010ac022a330a110a0a747261696e2f6c6f7373150000303f0a1e0a176576616c2f726577617264"
          + "732f61636375726163696573150000403f",
      ])
  }

  @Test("A file is a chain of sound frames, the file's version first")
  func framing() throws {
    let records = try written { folder in
      let writer = try TensorBoardWriter(folder: folder)
      #expect(writer.file.lastPathComponent.hasPrefix("events.out.tfevents."))
      for step in 1...50 { try writer.append(MetricsRecord(step: step, ["loss": .number(1 / Double(step))])) }
    }
    #expect(records.count == 51)
    #expect(contains(records[0], "brain.Event:2"))
    #expect(records.dropFirst().allSatisfy { contains($0, "train/loss") })
  }

  @Test("What is not finite is left out")
  func notFinite() throws {
    let records = try written { folder in
      var record = MetricsRecord(step: 1, ["epoch": 0.5])
      record["loss"] = .nan
      record["grad_norm"] = .infinity
      try TensorBoardWriter(folder: folder).append(record)
    }
    #expect(contains(records[1], "train/epoch"))
    #expect(!contains(records[1], "train/loss") && !contains(records[1], "train/grad_norm"))
  }

  @Test("A resumed run tells TensorBoard from which step on to forget")
  func resumed() throws {
    let records = try written { folder in _ = try TensorBoardWriter(folder: folder, resumingAfter: 4) }
    // Fields 2 (step, varint 5) and 7 (session_log, status 1) of an Event, after the 9 bytes of its wall time.
    #expect(records.last.map { Array($0.dropFirst(9)) } == [0x10, 5, 0x3A, 2, 0x08, 1])
  }

  @Test("A folder that is not there is an error that names the file")
  func missingFolder() {
    #expect {
      try TensorBoardWriter(folder: URL(filePath: "/nonexistent-folder"))
    } throws: { error in
      "\(error)".contains("/nonexistent-folder/events.out.tfevents.") && "\(error)".contains("there is no folder")
    }
  }

  /// The payloads of the file that the body makes, with every length and checksum verified.
  private func written(_ body: (URL) throws -> Void) throws -> [[UInt8]] {
    try withTemporaryFolder { folder in
      try body(folder)
      let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      var bytes = Array(try Data(contentsOf: try #require(files.first)))[...]
      func take(_ count: Int) throws -> [UInt8] {
        try #require(bytes.count >= count)
        defer { bytes = bytes.dropFirst(count) }
        return Array(bytes.prefix(count))
      }
      func number(_ bytes: [UInt8]) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
      var records: [[UInt8]] = []
      while !bytes.isEmpty {
        let length = try take(8)
        #expect(UInt32(number(try take(4))) == CRC32C.masked(length))
        let payload = try take(Int(number(length)))
        #expect(UInt32(number(try take(4))) == CRC32C.masked(payload))
        records.append(payload)
      }
      return records
    }
  }

  private func contains(_ record: [UInt8], _ text: String) -> Bool {
    Data(record).range(of: Data(text.utf8)) != nil
  }

  private func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
