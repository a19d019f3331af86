import Files
import Foundation
import OrderedJSON

/// Files of `torch.save`: a zip archive that holds a pickle of the values and one uncompressed entry for each storage.
///
/// Reading executes nothing: the pickle may only name what tensors and plain values need (`weights_only=True` is the
/// same idea). Writing makes files that `torch.load` opens under its defaults.
public enum TorchArchive {
  /// Reads a file. It is mapped into memory, and tensors use the mapping without a copy where `StoredTensor.tensor()` can.
  /// - Throws: `FileError`: missing; damaged; unsupported, which includes the format before torch 1.6, TorchScript,
  ///   big-endian files, and any global that is not needed for weights.
  public static func read(_ url: URL) throws -> TorchValue { try read(url, verifyingChecksums: true) }

  /// Reads a file; tests read forged archives without comparing storages with their checksums.
  package static func read(_ url: URL, verifyingChecksums: Bool) throws -> TorchValue {
    let file = try MappedFile(url)
    try file.refuseImpostors()
    guard file.bytes.starts(with: Array("PK".utf8)) else { throw notAnArchive(file) }
    let archive = try ZipArchive(file)
    let folder = try topFolder(of: archive)
    func contents(_ name: String) throws -> UnsafeMutableRawBufferPointer? {
      try archive[folder + name].map { try archive.contents($0, verifying: verifyingChecksums) }
    }

    if let order = try contents("byteorder"), !order.elementsEqual("little".utf8) {
      throw FileError(
        .unsupported, file: file.path, "was written on a machine of another byte order",
        remedy: "load it in Python on a little-endian machine and torch.save it again")
    }
    guard let pickle = try contents("data.pkl") else {
      throw FileError.damaged(file.path, "the archive has no data.pkl")
    }
    var storages: TextDictionary<StoredTensor.Storage> = [:]
    var unpickler = Unpickler(UnsafeRawBufferPointer(pickle), file: file.path) { key, byteCount in
      guard let entry = archive[folder + "data/" + key] else {
        throw FileError.damaged(file.path, "the archive has no storage \(key), which a tensor needs")
      }
      let storage =
        try storages[key]
        ?? StoredTensor.Storage(
          .mapped(try archive.contents(entry, verifying: verifyingChecksums), owner: file), name: file.path)
      storages[key] = storage
      guard entry.bytes.count == byteCount else {
        throw FileError.damaged(
          file.path, "storage \(key) has \(entry.bytes.count) bytes, but \(byteCount) were expected")
      }
      return storage
    }
    return try unpickler.value()
  }

  /// The top folder inside the archive; torch names it after the file.
  private static func topFolder(of archive: ZipArchive) throws -> String {
    let folders = archive.entries.map(\.name).filter { $0.hasSuffix("/data.pkl") }.map { $0.dropLast("data.pkl".count) }
    guard folders.count == 1, let folder = folders.first else {
      throw FileError(
        .unsupported, file: archive.file.path, "is a zip archive, but not one of torch.save: it has no data.pkl",
        remedy: "name a file that torch.save has written")
    }
    guard archive[folder + "constants.pkl"] == nil else {
      throw FileError(
        .unsupported, file: archive.file.path, "is a TorchScript program, not weights",
        remedy: "in Python, torch.save(torch.jit.load(file).state_dict(), new_file)")
    }
    return String(folder)
  }

  private static func notAnArchive(_ file: MappedFile) -> FileError {
    // Before torch 1.6: a sequence of pickles, of which the first is a magic number.
    if file.bytes.starts(with: [0x80, 0x02]) {
      return FileError(
        .unsupported, file: file.path,
        "is in the format of torch.save before version 1.6 (a pickle, not a zip archive)",
        remedy: "convert it in Python: torch.save(torch.load(file, map_location=\"cpu\"), new_file)")
    }
    return .damaged(
      file.path, "is not a file of torch.save: it does not begin as a zip archive",
      remedy: "check what kind of file it is"
    )
  }
}

// MARK: - Writing

extension TorchArchive {
  /// Writes a file that `torch.load` opens under its default `weights_only=True`. The file is complete or absent.
  ///
  /// Each tensor gets a storage of its own that holds its elements and nothing else, but a tensor that occurs twice is
  /// written once. Equal values give equal files.
  /// - Throws: `FileError` of the reason `cannotWrite`; what reading the tensors throws.
  public static func write(_ value: TorchValue, to url: URL) throws {
    try write(value, to: url, wideFrom: 0xFFFF_FFFF)
  }

  /// As above, with another limit from which sizes are written as 64-bit numbers.
  package static func write(_ value: TorchValue, to url: URL, wideFrom: UInt64) throws {
    let pickler = try Pickler(value)
    let file = try AtomicFile(url)
    var archive = ZipWriter(file.writer, wideFrom: wideFrom)
    try archive.add("archive/data.pkl", pickler.pickle)
    // torch writes two more records (.format_version, .storage_alignment), which let it compute offsets; without them it
    // looks the offsets up.
    try archive.add("archive/byteorder", Array("little".utf8))
    for (key, tensor) in pickler.storages.enumerated() {
      try tensor.withUnsafeBytes { try archive.add("archive/data/\(key)", $0) }
    }
    try archive.add("archive/version", Array("3\n".utf8))
    try archive.finish()
    try file.commit()
  }
}
