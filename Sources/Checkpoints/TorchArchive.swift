import Files
import Foundation

/// Files of `torch.save`: a zip archive that holds a pickle of the values and one uncompressed entry for each storage.
///
/// Reading executes nothing: the pickle may only name what tensors and plain values need (`weights_only=True` is the
/// same idea). Writing makes files that `torch.load` opens under its defaults.
public enum TorchArchive {
  /// Reads a file. It is mapped into memory, and tensors lie on the mapping without a copy, as `StoredTensor.tensor()`
  /// says.
  /// - Parameter verifyingChecksums: false skips the comparison of the storages with their checksums, for files written
  ///   under `torch.serialization.set_crc32_options(False)`.
  /// - Throws: `FileError`: missing; damaged; unsupported, which includes the format before torch 1.6, TorchScript,
  ///   big-endian files, and any global that is not needed for weights.
  public static func read(_ url: URL, verifyingChecksums: Bool = true) throws -> TorchValue {
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
      throw FileError.damaged(file.path, "the archive holds no data.pkl")
    }
    var storages: [String: StoredTensor.Storage] = [:]
    var unpickler = Unpickler(UnsafeRawBufferPointer(pickle), file: file.path) { key, byteCount in
      guard let entry = archive[folder + "data/" + key] else {
        throw FileError.damaged(file.path, "the archive holds no storage \(key), which a tensor needs")
      }
      let storage =
        try storages[key]
        ?? StoredTensor.Storage(
          .mapped(try archive.contents(entry, verifying: verifyingChecksums), owner: file), name: file.path)
      storages[key] = storage
      guard entry.bytes.count == byteCount else {
        throw FileError.damaged(
          file.path, "storage \(key) holds \(entry.bytes.count) bytes, and \(byteCount) were expected")
      }
      return storage
    }
    return try unpickler.value()
  }

  /// The folder inside the archive that everything lies in; torch calls it after the file.
  private static func topFolder(of archive: ZipArchive) throws -> String {
    let folders = archive.entries.map(\.name).filter { $0.hasSuffix("/data.pkl") }.map { $0.dropLast("data.pkl".count) }
    guard folders.count == 1, let folder = folders.first else {
      throw FileError(
        .unsupported, file: archive.file.path, "is a zip archive, but not one of torch.save: it holds no data.pkl",
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
    // Before torch 1.6: pickles in a row, of which the first is a magic number.
    if file.bytes.starts(with: [0x80, 0x02]) {
      return FileError(
        .unsupported, file: file.path,
        "is in the format of torch.save before version 1.6 (a pickle, not a zip archive)",
        remedy: "convert it in Python: torch.save(torch.load(file, map_location=\"cpu\"), new_file)")
    }
    return .damaged(
      file.path, "is no file of torch.save: it does not begin as a zip archive", remedy: "check what kind of file it is"
    )
  }
}
