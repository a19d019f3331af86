import Files

/// Writes a zip file of uncompressed entries, laid out as torch does: the bytes of each entry begin at a multiple of 64,
/// so that they can be used in place in a mapped file.
struct ZipWriter {
  private struct Written {
    let name: [UInt8]
    let size: UInt64
    let checksum: UInt32
    let offset: UInt64
  }

  let file: FileWriter
  /// Numbers from this one on are written as 64-bit numbers (zip64).
  let wideFrom: UInt64
  private var entries: [Written] = []
  private static let alignment = 64

  init(_ file: FileWriter, wideFrom: UInt64 = 0xFFFF_FFFF) {
    self.file = file
    self.wideFrom = wideFrom
  }

  /// Adds an entry.
  mutating func add(_ name: String, _ bytes: UnsafeRawBufferPointer) throws {
    let entry = Written(
      name: Array(name.utf8), size: UInt64(bytes.count), checksum: CRC32.of(bytes), offset: UInt64(file.offset))
    let isWide = entry.size >= wideFrom
    var extra: [UInt8] = []
    if isWide { extra += field(1, [entry.size, entry.size]) }
    let unpadded = file.offset + 30 + entry.name.count + extra.count + 4
    let padding = (Self.alignment - unpadded % Self.alignment) % Self.alignment
    // torch's own field for this purpose: "FB".
    extra += little(UInt16(0x4246)) + little(UInt16(padding)) + [UInt8](repeating: UInt8(ascii: "Z"), count: padding)

    var header = little(UInt32(0x0403_4B50)) + common(entry, isWide: isWide)
    header += narrow(entry.size) + narrow(entry.size) + little(UInt16(entry.name.count)) + little(UInt16(extra.count))
    try file.write(header + entry.name + extra)
    try file.write(bytes)
    entries.append(entry)
  }

  /// Adds a short entry.
  mutating func add(_ name: String, _ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try add(name, $0) } }

  /// Writes the directory that ends the archive.
  func finish() throws {
    let start = UInt64(file.offset)
    for entry in entries { try file.write(directoryHeader(entry)) }
    let size = UInt64(file.offset) - start
    let count = UInt64(entries.count)
    if start >= wideFrom || size >= wideFrom || count >= 0xFFFF {
      let end = UInt64(file.offset)
      var record = little(UInt32(0x0606_4B50)) + little(UInt64(44)) + little(UInt16(45)) + little(UInt16(45))
      record += little(UInt32(0)) + little(UInt32(0)) + little(count) + little(count) + little(size) + little(start)
      record += little(UInt32(0x0706_4B50)) + little(UInt32(0)) + little(end) + little(UInt32(1))
      try file.write(record)
    }
    var record = little(UInt32(0x0605_4B50)) + little(UInt32(0))
    record += little(UInt16(clamping: count)) + little(UInt16(clamping: count)) + narrow(size) + narrow(start)
    try file.write(record + little(UInt16(0)))
  }

  private func directoryHeader(_ entry: Written) -> [UInt8] {
    let wide = [entry.size, entry.size, entry.offset].filter { $0 >= wideFrom }
    let extra = wide.isEmpty ? [] : field(1, wide)
    var header = little(UInt32(0x0201_4B50)) + little(UInt16(45)) + common(entry, isWide: !wide.isEmpty)
    header += narrow(entry.size) + narrow(entry.size) + little(UInt16(entry.name.count)) + little(UInt16(extra.count))
    // No comment, first disk, no attributes.
    header += [UInt8](repeating: 0, count: 10) + narrow(entry.offset)
    return header + entry.name + extra
  }

  /// The fields that both kinds of header share: version, flags (names are UTF-8), method 0, a fixed date (1 January 1980, so
  /// that equal contents give equal files), checksum.
  private func common(_ entry: Written, isWide: Bool) -> [UInt8] {
    little(UInt16(isWide ? 45 : 20)) + little(UInt16(0x0800)) + little(UInt16(0)) + little(UInt16(0))
      + little(UInt16(0x0021)) + little(entry.checksum)
  }

  private func field(_ id: UInt16, _ values: [UInt64]) -> [UInt8] {
    little(id) + little(UInt16(8 * values.count)) + values.flatMap { little($0) }
  }

  /// A 32-bit number; all bits are set where the 64-bit number in the extra field counts instead.
  private func narrow(_ value: UInt64) -> [UInt8] { little(value >= wideFrom ? .max : UInt32(value)) }
}

private func little<T: FixedWidthInteger>(_ value: T) -> [UInt8] { withUnsafeBytes(of: value.littleEndian, Array.init) }
