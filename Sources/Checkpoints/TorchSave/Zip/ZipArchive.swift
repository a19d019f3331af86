import Files
import OrderedJSON

/// A zip file of uncompressed entries, as `torch.save` writes them, mapped into memory (APPNOTE.TXT of PKWARE).
///
/// Opening it checks the directory against the file: every entry lies inside it and none overlaps another. The bytes of
/// an entry are compared with its checksum when they are read.
struct ZipArchive {
  struct Entry {
    let name: String
    /// The range of its bytes in the file.
    let bytes: Range<Int>
    let checksum: UInt32
    /// Whether the bytes are the contents, neither compressed nor encrypted.
    let isPlain: Bool
  }

  let file: MappedFile
  let entries: [Entry]
  private let places: TextDictionary<Int>

  init(_ file: MappedFile) throws {
    self.file = file
    entries = try ZipDirectory(of: file).entries
    var places: TextDictionary<Int> = [:]
    for (place, entry) in entries.enumerated() {
      guard places[entry.name] == nil else {
        throw FileError.damaged(file.path, "the zip archive has \(entry.name) twice")
      }
      places[entry.name] = place
    }
    self.places = places
  }

  /// The entry of a name, or nil if there is none.
  subscript(name: String) -> Entry? { places[name].map { entries[$0] } }

  /// The bytes of an entry.
  /// - Throws: `FileError` when they are compressed, or do not match the checksum (if it is verified).
  func contents(_ entry: Entry, verifying: Bool) throws -> UnsafeMutableRawBufferPointer {
    guard entry.isPlain else {
      throw FileError(
        .unsupported, file: file.path, "\(entry.name) is compressed or encrypted, which torch.save never does",
        remedy: "unpack the archive and pack it again with `zip -0`, or load it in Python and torch.save it again")
    }
    let bytes = UnsafeMutableRawBufferPointer(rebasing: file.bytes[entry.bytes])
    if verifying, CRC32.of(UnsafeRawBufferPointer(bytes)) != entry.checksum {
      throw FileError.damaged(
        file.path, "the bytes of \(entry.name) do not match their checksum: they changed after they were written")
    }
    return bytes
  }
}
