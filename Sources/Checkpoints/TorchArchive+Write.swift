import Files
import Foundation

extension TorchArchive {
  /// Writes a file that `torch.load` opens under its default `weights_only=True`. It is there complete or not at all.
  ///
  /// Each tensor gets a storage of its own that holds its elements and nothing else, but a tensor that occurs twice is
  /// written once. Equal values give equal files.
  /// - Throws: `FileError` of the reason `cannotWrite`; what reading the tensors throws.
  public static func write(_ value: TorchValue, to url: URL) throws {
    try write(value, to: url, wideFrom: 0xFFFF_FFFF)
  }

  /// As above, with another limit from which on sizes are written as 64-bit numbers.
  package static func write(_ value: TorchValue, to url: URL, wideFrom: UInt64) throws {
    let pickler = try Pickler(value)
    let file = try AtomicFile(url)
    var archive = ZipWriter(file.writer, wideFrom: wideFrom)
    try archive.add("archive/data.pkl", pickler.pickle)
    // torch's further records (.format_version, .storage_alignment) let it compute offsets instead of looking them up;
    // without them it looks them up.
    try archive.add("archive/byteorder", Array("little".utf8))
    for (key, tensor) in pickler.storages.enumerated() {
      try tensor.withUnsafeBytes { try archive.add("archive/data/\(key)", $0) }
    }
    try archive.add("archive/version", Array("3\n".utf8))
    try archive.finish()
    try file.commit()
  }
}
