import Files

/// The central directory of a zip file, read and checked. Field offsets are those of APPNOTE.TXT, section 4.3.
struct ZipDirectory {
  private(set) var entries: [ZipArchive.Entry] = []

  private let file: MappedFile
  /// The range of the directory in the file.
  private let range: Range<Int>

  private enum Signature {
    static let localHeader: UInt32 = 0x0403_4B50
    static let directoryHeader: UInt32 = 0x0201_4B50
    static let end: UInt32 = 0x0605_4B50
    static let end64: UInt32 = 0x0606_4B50
    static let end64Locator: UInt32 = 0x0706_4B50
  }

  init(of file: MappedFile) throws {
    self.file = file
    let end = try Self.findEnd(in: file)
    var count = Int(file.integer(at: end + 10, as: UInt16.self))
    var size = Int(file.integer(at: end + 12, as: UInt32.self))
    var start = Int(file.integer(at: end + 16, as: UInt32.self))
    var limit = end
    let locator = end - 20
    if locator >= 0, file.integer(at: locator, as: UInt32.self) == Signature.end64Locator {
      guard let end64 = Int(exactly: file.integer(at: locator + 8, as: UInt64.self)), end64 <= locator - 56,
        file.integer(at: end64, as: UInt32.self) == Signature.end64,
        let count64 = Int(exactly: file.integer(at: end64 + 32, as: UInt64.self)),
        let size64 = Int(exactly: file.integer(at: end64 + 40, as: UInt64.self)),
        let start64 = Int(exactly: file.integer(at: end64 + 48, as: UInt64.self))
      else { throw FileError.damaged(file.path, "the zip archive's 64-bit end record is not where it should be") }
      (count, size, start, limit) = (count64, size64, start64, end64)
    }
    guard start <= limit, size <= limit - start, count <= size / 46 else {
      throw FileError.damaged(
        file.path, "the zip directory of \(count) entries and \(size) bytes at byte \(start) lies outside the file")
    }
    range = start..<start + size
    try readEntries(count)
    try checkOverlap()
  }

  /// The end record is at the end of the file, followed only by an optional comment of up to 65,535 bytes.
  private static func findEnd(in file: MappedFile) throws -> Int {
    let last = file.bytes.count - 22
    if last >= 0 {
      for place in stride(from: last, through: max(0, last - 0xFFFF), by: -1)
      where file.integer(at: place, as: UInt32.self) == Signature.end
        && Int(file.integer(at: place + 20, as: UInt16.self)) == last - place
      {
        return place
      }
    }
    throw FileError.damaged(
      file.path, "the zip archive has no directory at its end: the file is truncated or not a zip archive")
  }

  private mutating func readEntries(_ count: Int) throws {
    entries.reserveCapacity(count)
    var place = range.lowerBound
    for _ in 0..<count {
      guard place <= range.upperBound - 46, file.integer(at: place, as: UInt32.self) == Signature.directoryHeader else {
        throw FileError.damaged(file.path, "the zip directory has fewer entries than it declares")
      }
      let nameLength = Int(file.integer(at: place + 28, as: UInt16.self))
      let extraLength = Int(file.integer(at: place + 30, as: UInt16.self))
      let commentLength = Int(file.integer(at: place + 32, as: UInt16.self))
      let nameEnd = place + 46 + nameLength
      let next = nameEnd + extraLength + commentLength
      guard next <= range.upperBound else {
        throw FileError.damaged(file.path, "an entry extends beyond the zip directory")
      }
      let name = String(decoding: file.bytes[place + 46..<nameEnd], as: UTF8.self)
      entries.append(try entry(name, at: place, extra: nameEnd..<nameEnd + extraLength))
      place = next
    }
  }

  private func entry(_ name: String, at place: Int, extra: Range<Int>) throws -> ZipArchive.Entry {
    let size32 = file.integer(at: place + 24, as: UInt32.self)
    let stored32 = file.integer(at: place + 20, as: UInt32.self)
    let offset32 = file.integer(at: place + 42, as: UInt32.self)
    // A field with all bits set stands for one in the 64-bit extra field, where they follow in this order.
    var wide = wideFields(in: extra)
    let size = size32 == .max ? wide.popLast() : UInt64(size32)
    let stored = stored32 == .max ? wide.popLast() : UInt64(stored32)
    let offset = offset32 == .max ? wide.popLast() : UInt64(offset32)
    // A compressed or encrypted entry is refused only when it is read: some archives have such entries among others.
    let isPlain =
      file.integer(at: place + 8, as: UInt16.self) & 1 == 0 && file.integer(at: place + 10, as: UInt16.self) == 0
    guard let size, let stored, let offset, size == stored || !isPlain, let header = Int(exactly: offset),
      let count = Int(exactly: stored)
    else {
      throw FileError.damaged(file.path, "the zip directory gives no valid size and place for \(name)")
    }
    guard header <= range.lowerBound - 30, file.integer(at: header, as: UInt32.self) == Signature.localHeader else {
      throw FileError.damaged(file.path, "\(name) is not where the zip directory says")
    }
    let nameLength = Int(file.integer(at: header + 26, as: UInt16.self))
    let start = header + 30 + nameLength + Int(file.integer(at: header + 28, as: UInt16.self))
    guard start <= range.lowerBound, count <= range.lowerBound - start,
      String(decoding: file.bytes[header + 30..<header + 30 + nameLength], as: UTF8.self) == name
    else {
      throw FileError.damaged(
        file.path,
        "\(name) of \(count) bytes at byte \(header) does not fit before the zip directory, or has another name there")
    }
    return ZipArchive.Entry(
      name: name, bytes: start..<start + count, checksum: file.integer(at: place + 16, as: UInt32.self),
      isPlain: isPlain)
  }

  /// The values in the 64-bit extra field (id 1), in reverse order.
  private func wideFields(in extra: Range<Int>) -> [UInt64] {
    var place = extra.lowerBound
    while place <= extra.upperBound - 4 {
      let size = Int(file.integer(at: place + 2, as: UInt16.self))
      guard size <= extra.upperBound - place - 4 else { break }
      if file.integer(at: place, as: UInt16.self) == 1 {
        return (0..<min(3, size / 8)).reversed().map { file.integer(at: place + 4 + 8 * $0, as: UInt64.self) }
      }
      place += 4 + size
    }
    return []
  }

  /// Overlapping entries would let a small file expand to unlimited data.
  private func checkOverlap() throws {
    var end = 0
    for entry in entries.sorted(by: { $0.bytes.lowerBound < $1.bytes.lowerBound }) {
      guard entry.bytes.lowerBound >= end else {
        throw FileError.damaged(file.path, "\(entry.name) overlaps another entry of the zip archive")
      }
      end = entry.bytes.upperBound
    }
  }
}
